"""SIIM-ACR pneumothorax: chest films with outlines of the free air.

Point at the folder into which the challenge was unpacked::

    [data]
    dataset = "siim_pneumothorax"
    root = "siim-acr-pneumothorax-segmentation"
    split = "test"
    splits = "pneumothorax_splits.csv"

=============================================  ====================================================
file                                           holds
=============================================  ====================================================
``train-rle.csv`` (or ``stage_2_train.csv``)   a row per outline: ImageId and " EncodedPixels"
``dicom-images-train/*/*/{ImageId}.dcm``       the films, 1024 x 1024, in folders of any depth
=============================================  ====================================================

Traps.  The second column has a space before its name, and so may ``-1``, which means none.  Run
lengths are *relative*: pairs of a gap, from the end of the run before, and a length, down the
columns of a film of 1024 x 1024.  A film may have several rows: each is one pneumothorax.  Patients
are not known, so films count as independent.  Some films of the table are not among the files: say
``missing = "set aside"`` in the experiment.

The published split (8,646 / 961 / 1,068 films) was drawn from the first ``train-rle.csv``, of
10,675 films, in its order.  With that table it is drawn again; with the later tables of 12,047
films, whose order is another, give its list as ``splits``.

Download: https://www.kaggle.com/c/siim-acr-pneumothorax-segmentation (films as a data set of Kaggle
or of the Google Healthcare API).  Licence: the rules of the competition, for non-commercial
research; no film may be passed on.  Sources: the challenge of SIIM, ACR, STR and MD.ai, 2019; the
split: Arun et al., Radiology: AI 2021, https://doi.org/10.1148/ryai.2021200267,
https://github.com/QTIM-Lab/Assessing-Saliency-Maps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from pycocotools import mask as coco

from heatproof.data.annotations import RLE, Several
from heatproof.data.annotations.rescaled import Rescaled
from heatproof.data.datasets import datasets
from heatproof.data.pixels import ImageFile
from heatproof.data.splits.published import drawn, listed
from heatproof.data.tabular import TableRow, find_table, read_rows
from heatproof.data.tabular.film_files import find_films
from heatproof.data.tabular.listed import Listed
from heatproof.data.tabular.problems import Problems
from heatproof.errors import DataError
from heatproof.types import REFERENCE, Annotation, Sample, Shape

FINDING = "Pneumothorax"
FRAME = (1024, 1024)
"""Height and width of the films that were outlined."""
_TABLES = ("train-rle.csv", "stage_2_train.csv", "train-rle-stage-2.csv")
_RUNS = "EncodedPixels"
_PUBLISHED = 10_675  # films of the table that the published split was drawn from
_SHARE, _SEED = 0.1, 1


@datasets.register("siim_pneumothorax")
@dataclass(frozen=True)
class SIIMPneumothorax(Listed):
    """SIIM-ACR pneumothorax challenge: outlines as run lengths.

    Attributes:
        root: The folder of the challenge.
        split: ``"all"`` films, or a part of the published split.
        splits: List of the published split, with the columns Image_ID and Split; needed for tables
            that it was not drawn from.
        images: Folder of the films; the root unless told.
    """

    root: Path | str
    split: Literal["all", "train", "validation", "test"] = "all"
    splits: Path | str | None = None
    images: Path | str | None = None

    @property
    def findings(self) -> tuple[str, ...]:
        """Pneumothorax alone."""
        return (FINDING,)

    @cached_property
    def _samples(self) -> tuple[Sample, ...]:
        table = find_table([Path(self.root)], _TABLES)
        if table is None:
            raise DataError(
                f"{self.root} has none of {', '.join(_TABLES)}; expected root = the folder into"
                " which the challenge was unpacked"
            )
        films = _films(table)
        kept = self._kept(films, table)
        paths = find_films(Path(self.images or self.root), kept, ".dcm")
        return tuple(
            Sample(
                image_id=name,
                pixels=ImageFile(paths[name]),
                labels={FINDING: bool(films[name])},
                annotations=_marks(films[name]),
            )
            for name in kept
        )

    def _kept(self, films: Mapping[str, list[Shape]], table: Path) -> list[str]:
        if self.split == "all":
            return list(films)
        if self.splits is not None:
            parts = listed(Path(self.splits))
            if not parts.keys() & films.keys():
                raise DataError(f"{self.splits} names no film of {table}")
        elif len(films) == _PUBLISHED:
            parts = drawn(list(films), _SHARE, _SEED)
        else:
            raise DataError(
                f"{table} has {len(films)} films, but the published split was drawn from a table of"
                f' {_PUBLISHED}; give its list, splits = "pneumothorax_splits.csv", or take'
                ' split = "all" (and parts)'
            )
        return [name for name in films if parts.get(name) == self.split]


def _films(table: Path) -> dict[str, list[Shape]]:
    """What is outlined on each film, in the order of the table; raises DataError."""
    problems = Problems()
    films: dict[str, list[Shape]] = {}
    empty: dict[str, bool] = {}
    for row in read_rows(table):
        with problems.noted():
            name = row["ImageId"]
            if not name:
                raise row.wrong("ImageId", "the name of a film")
            shape = _shape(row)
            if empty.setdefault(name, shape is None) != (shape is None):
                raise row.wrong(_RUNS, f"outlines or -1 for {name!r}, not both")
            films.setdefault(name, []).extend([shape] if shape else [])
    problems.refuse(table)
    return films


def _shape(row: TableRow) -> Shape | None:
    """One outline; None where there is none."""
    text = row[_RUNS]
    if text == "-1":
        return None
    height, width = FRAME
    try:
        lengths = [int(number) for number in text.split()]
    except ValueError:
        lengths = []
    left = height * width - sum(lengths)
    if not lengths or len(lengths) % 2 or min(lengths) < 0 or left < 0:
        shown = text if len(text) < 40 else f"{text[:40]}..."  # noqa: PLR2004 - as much as tells it
        raise DataError(
            f"{row.path}, line {row.line}, column {_RUNS!r}: found {shown!r}, expected -1, or pairs"
            f" of a gap and a length that end within {height} x {width} pixels"
        )
    # A gap and a length are an unmarked and a marked run, as COCO has them.
    runs = coco.frPyObjects({"size": [height, width], "counts": [*lengths, left]}, height, width)
    return Rescaled(RLE(FRAME, runs["counts"].decode("ascii"), count=1), FRAME)


def _marks(shapes: list[Shape]) -> tuple[Annotation, ...]:
    if not shapes:
        return ()
    shape = shapes[0] if len(shapes) == 1 else Several(tuple(shapes))
    return (Annotation(FINDING, REFERENCE, shape),)
