"""MS-CXR: 1,162 phrases of reports of MIMIC-CXR, each with boxes drawn by radiologists.

Point at the folder of PhysioNet, and at that of MIMIC-CXR-JPG, which has the films::

    [data]
    dataset = "ms_cxr"
    root = "ms-cxr/1.1.0"
    images = "mimic-cxr-jpg/2.0.0"

``MS_CXR_Local_Alignment_v1.1.0.csv`` (or v1.0.0) has a row per box: ``category_name`` (one of
eight findings), ``label_text`` (the phrase), ``path`` (of the film in MIMIC-CXR-JPG), ``x, y, w,
h`` in pixels of a film of ``image_width`` and ``image_height`` and, from v1.1.0 on, ``split``.
Rows of one film, finding and phrase are regions of one phrase; ``phrases`` lists these.

Traps.  The films were chosen for their findings, so a finding that is not named is unknown, and not
absent: a classifier cannot be judged here without films from elsewhere (``pooled``).  Several
phrases of a film may name one finding; its annotation holds the boxes of all.  The split is that of
MS-CXR, and not that of MIMIC-CXR: a film that is for testing here may be for training there.

Download: https://physionet.org/content/ms-cxr/1.1.0/ (credentialed).  Licence: PhysioNet
Credentialed Health Data License 1.5.0; no film may be passed on.  Source: Boecking et al., ECCV
2022, https://arxiv.org/abs/2204.09817.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from heatproof.data.annotations.shapes import Box, Boxes
from heatproof.data.datasets import datasets
from heatproof.data.phrases import Phrase
from heatproof.data.pixels import ImageFile
from heatproof.data.tabular import TableRow, find_table, read_rows
from heatproof.data.tabular.listed import Listed
from heatproof.data.tabular.problems import Problems
from heatproof.data.tabular.spellings import whole
from heatproof.errors import DataError
from heatproof.types import REFERENCE, Annotation, Sample

FINDINGS = (
    "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Lung Opacity", "Pleural Effusion",
    "Pneumonia", "Pneumothorax",
)  # fmt: skip
_TABLES = ("MS_CXR_Local_Alignment_v1.1.0.csv", "MS_CXR_Local_Alignment_v1.0.0.csv")
_PARTS = ("train", "val", "test")


class _Row(NamedTuple):
    """One box."""

    path: str
    finding: str
    text: str
    box: Box
    frame: tuple[int, int]
    split: str


@datasets.register("ms_cxr")
@dataclass(frozen=True)
class MSCXR(Listed):
    """MS-CXR: phrases of reports with boxes, of eight findings.

    Attributes:
        root: The folder with the table.
        images: The folder of MIMIC-CXR-JPG, with ``files``; the root unless told.
        split: ``"all"`` films, or a part, which v1.1.0 alone names.
    """

    root: Path | str
    images: Path | str | None = None
    split: Literal["all", "train", "val", "test"] = "all"

    @property
    def findings(self) -> tuple[str, ...]:
        """The eight, in alphabetical order."""
        return FINDINGS

    @cached_property
    def phrases(self) -> tuple[Phrase, ...]:
        """Each phrase of each film with its boxes, in the order of the table."""
        boxes: dict[tuple[str, str, str], list[Box]] = {}
        frames: dict[str, tuple[int, int]] = {}
        for row in self._rows:
            boxes.setdefault((row.path, row.finding, row.text), []).append(row.box)
            frames[row.path] = row.frame
        return tuple(
            Phrase(_name(path), text, (finding,), True, {REFERENCE: Boxes((*of,), frames[path])})
            for (path, finding, text), of in boxes.items()
        )

    @cached_property
    def _samples(self) -> tuple[Sample, ...]:
        films: dict[str, dict[str, list[Box]]] = {}
        frames: dict[str, tuple[int, int]] = {}
        for row in self._rows:
            films.setdefault(row.path, {}).setdefault(row.finding, []).append(row.box)
            frames[row.path] = row.frame
        return tuple(self._sample(path, marks, frames[path]) for path, marks in films.items())

    def _sample(self, path: str, marks: dict[str, list[Box]], frame: tuple[int, int]) -> Sample:
        patient, study = PurePosixPath(path).parts[-3:-1]
        return Sample(
            image_id=_name(path),
            pixels=ImageFile(Path(self.images or self.root) / path),
            patient_id=patient.removeprefix("p"),
            labels=dict.fromkeys(marks, True),
            annotations=tuple(
                Annotation(finding, REFERENCE, Boxes(tuple(boxes), frame))
                for finding, boxes in marks.items()
            ),
            study_id=study.removeprefix("s"),
        )

    @cached_property
    def _rows(self) -> tuple[_Row, ...]:
        """The boxes of the split; raises DataError with all problems."""
        table = find_table([Path(self.root)], _TABLES)
        if table is None:
            raise DataError(
                f"{self.root} has no {_TABLES[0]}, compressed or not; expected root = the folder of"
                " MS-CXR"
            )
        problems = Problems()
        rows = tuple(_read(table, problems))
        problems.refuse(table)
        if self.split == "all":
            return rows
        if not any(row.split for row in rows):
            raise DataError(f'{table} names no split; split = "all", or take version 1.1.0')
        return tuple(row for row in rows if row.split == self.split)


def _read(table: Path, problems: Problems) -> Iterator[_Row]:
    frames: dict[str, tuple[int, int]] = {}
    for row in read_rows(table):
        with problems.noted():
            read = _row(row)
            if frames.setdefault(read.path, read.frame) != read.frame:
                raise row.wrong("image_width", "one size for all boxes of a film")
            yield read


def _row(row: TableRow) -> _Row:
    finding = row["category_name"]
    if finding not in FINDINGS:
        raise row.wrong("category_name", f"one of {', '.join(FINDINGS)}")
    parts = PurePosixPath(row["path"]).parts
    if len(parts) < 3 or ".." in parts or row["path"].startswith("/"):  # noqa: PLR2004
        raise row.wrong("path", "files/p10/p10000032/s50414267/NAME.jpg")
    split = row.values.get("split", "").strip()
    if split not in ("", *_PARTS):
        raise row.wrong("split", f"one of {', '.join(_PARTS)}")
    height, width = (whole(row[side]) for side in ("image_height", "image_width"))
    if not (height and width and height > 0 and width > 0):
        raise row.wrong("image_width", "pixels, as in image_height")
    try:
        x, y, w, h = (float(row[column]) for column in ("x", "y", "w", "h"))
    except ValueError:
        raise row.wrong("x", "numbers in x, y, w and h") from None
    if not (w > 0 and h > 0 and all(map(isfinite, (x, y, w, h)))):
        raise row.wrong("w", "w and h above 0")
    box = (x, y, x + w, y + h)
    return _Row(row["path"], finding, row["label_text"], box, (height, width), split)


def _name(path: str) -> str:
    return PurePosixPath(path).stem
