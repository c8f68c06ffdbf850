"""VinDr-CXR: 18,000 frontal films, each training film marked with boxes by three radiologists.

Point at the folder of PhysioNet, or of Kaggle's VinBigData challenge::

    [data]
    dataset = "vindr_cxr"
    root = "vindr-cxr/1.0.0"
    split = "train"
    consensus = "majority"

=============================================  ====================================================
file                                           holds
=============================================  ====================================================
``annotations/annotations_train.csv``, or      a row per box and reader: image_id, rad_id,
Kaggle's ``train.csv``                         class_name, x_min, y_min, x_max, y_max; a reader who
                                               found nothing has a row *No finding* without a box
``annotations/annotations_test.csv``           likewise, of five readers who agreed: no rad_id
``annotations/image_labels_train.csv``,        if they are there: a row per film and reader with
``..._test.csv``                               1 or 0 for each finding, and for six diagnoses
``train/{image_id}.dicom``, ``test``           the films
=============================================  ====================================================

Each reader is a source of annotations; with ``consensus`` what they agree on is the reference.  A
finding is present where as many readers say so as the rule needs (the majority, unless told),
absent where no reader does, and uncertain between.  Every training film has three of 17 readers,
so results by reader rest on different films.

Traps.  Boxes are in pixels of the DICOM file: films that others have resized need their own table.
Kaggle has 14 of the 22 findings, of the training films alone.  Several boxes of a reader for one
finding are one annotation of several instances.  Patients are not known.

Download: https://physionet.org/content/vindr-cxr/1.0.0/ (credentialed), or
https://www.kaggle.com/c/vinbigdata-chest-xray-abnormalities-detection.  Licence: PhysioNet
Credentialed Health Data License 1.5.0; no film may be passed on.  Source: Nguyen et al., Scientific
Data 2022, https://doi.org/10.1038/s41597-022-01498-w.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Literal

from heatproof.data.annotations import Boxes
from heatproof.data.annotations.consensus import Rule, consensus, needed
from heatproof.data.datasets import datasets
from heatproof.data.pixels import ImageFile
from heatproof.data.tabular import TableRow, find_table, read_rows
from heatproof.data.tabular.film_files import find_films
from heatproof.data.tabular.listed import Listed
from heatproof.data.tabular.problems import Problems
from heatproof.errors import DataError
from heatproof.types import REFERENCE, Annotation, Label, Sample

_NONE = "no finding"
_CORNERS = ("x_min", "y_min", "x_max", "y_max")
_NO_LABELS = ("image_id", "rad_id", "rad_ID")
_Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class _Read:
    """What one reader said of one film."""

    boxes: dict[str, list[_Box]] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)


_Films = dict[str, dict[str, _Read]]


@datasets.register("vindr_cxr")
@dataclass(frozen=True)
class VinDrCXR(Listed):
    """VinDr-CXR: boxes of three readers for each film.

    Attributes:
        root: The folder of PhysioNet, with ``annotations``, or of Kaggle, with ``train.csv``.
        split: ``"train"``, each film by three readers, or ``"test"``, by five together.
        consensus: Which pixels are the reference: those that the ``"majority"`` of the readers of a
            film marked, the ``"union"`` or ``"intersection"``; ``"none"`` makes no reference.
        readers: Whether the marks of each reader are kept, too, as further sources.
        images: Folder of the films; the folder of the split in the root unless told.
    """

    root: Path | str
    split: Literal["train", "test"] = "train"
    consensus: Literal["majority", "union", "intersection", "none"] = "none"
    readers: bool = True
    images: Path | str | None = None

    @property
    def findings(self) -> tuple[str, ...]:
        """Those that the tables name, in alphabetical order."""
        return self._findings

    @cached_property
    def _findings(self) -> tuple[str, ...]:
        named = {
            name for readers in self._read.values() for read in readers.values()
            for name in (*read.boxes, *read.named)
        }  # fmt: skip
        return tuple(sorted({*named, *self._columns}))

    @cached_property
    def _samples(self) -> tuple[Sample, ...]:
        folder = Path(self.images or Path(self.root) / self.split)
        paths = find_films(folder, self._read, ".dicom")
        problems = Problems()
        samples = []
        for name, readers in self._read.items():
            with problems.noted():
                samples.append(
                    Sample(
                        image_id=name,
                        pixels=ImageFile(paths[name]),
                        labels=self._labels(readers),
                        annotations=tuple(self._marks(readers)),
                        metadata={"readers": float(len(readers))},
                    )
                )
        problems.refuse(self.root)
        return tuple(samples)

    def _labels(self, readers: Mapping[str, _Read]) -> dict[str, Label]:
        votes = needed("majority" if self.consensus == "none" else self.consensus, len(readers))
        labels: dict[str, Label] = {}
        for finding in self._findings:
            said = sum(finding in read.boxes or finding in read.named for read in readers.values())
            labels[finding] = True if said >= votes else None if said else False
        return labels

    def _marks(self, readers: Mapping[str, _Read]) -> Iterator[Annotation]:
        for finding in self._findings:
            shapes = {
                reader: Boxes(tuple(read.boxes[finding]))
                for reader, read in readers.items()
                if finding in read.boxes
            }
            # Readers who agreed before they drew are the reference.
            if self.consensus != "none" and readers.keys() != {REFERENCE}:
                rule: Rule = self.consensus
                agreed = consensus(list(shapes.values()), len(readers), rule)
                if agreed is not None:
                    yield Annotation(finding, REFERENCE, agreed)
            for reader, shape in shapes.items():
                if self.readers or reader == REFERENCE:
                    yield Annotation(finding, reader, shape)

    @cached_property
    def _read(self) -> _Films:
        """What each reader said of each film; raises DataError with all problems."""
        problems = Problems()
        films: _Films = {}
        for row in read_rows(self._boxes_table):
            with problems.noted():
                _note_row(row, films)
        for row in self._label_rows:
            with problems.noted():
                _note_labels(row, self._columns, films)
        problems.refuse(self.root)
        return films

    @property
    def _boxes_table(self) -> Path:
        root = Path(self.root)
        names = [f"annotations_{self.split}.csv", *["train.csv"] * (self.split == "train")]
        path = find_table([root / "annotations", root], names)
        if path is None:
            raise DataError(
                f"{self.root} has no {' or '.join(names)}, neither itself nor in annotations;"
                " expected root = the folder of VinDr-CXR 1.0.0, or of Kaggle's challenge"
            )
        return path

    @cached_property
    def _label_rows(self) -> tuple[TableRow, ...]:
        root = Path(self.root)
        path = find_table([root / "annotations", root], [f"image_labels_{self.split}.csv"])
        return () if path is None else read_rows(path)

    @cached_property
    def _columns(self) -> tuple[str, ...]:
        """The findings of the table of labels, as its columns spell them."""
        columns = self._label_rows[0].values if self._label_rows else ()
        return tuple(
            name for name in columns
            if name and name not in _NO_LABELS and name.casefold() != _NONE
        )  # fmt: skip


def _reader(row: TableRow) -> str:
    """Who read the film; readers who agreed have no name."""
    for column in ("rad_id", "rad_ID"):
        if column in row.places:
            if not row[column]:
                raise row.wrong(column, "the name of a reader")
            return row[column]
    return REFERENCE


def _read_of(row: TableRow, films: _Films) -> _Read:
    """What the reader of a row said of its film, to be added to; raises DataError."""
    name = row["image_id"]
    if not name:
        raise row.wrong("image_id", "the name of a film")
    return films.setdefault(name, {}).setdefault(_reader(row), _Read())


def _note_row(row: TableRow, films: _Films) -> None:
    read = _read_of(row, films)
    finding = row["class_name"]
    if not finding:
        raise row.wrong("class_name", "a finding, or No finding")
    cells = [row[corner] for corner in _CORNERS]
    if finding.casefold() == _NONE:
        if any(cells):
            raise row.wrong("x_min", "nothing, since class_name is No finding")
        return
    try:
        x0, y0, x1, y1 = map(float, cells)
    except ValueError:
        raise row.wrong("x_min", "numbers in x_min, y_min, x_max and y_max") from None
    if not (x1 > x0 and y1 > y0 and all(map(isfinite, (x0, y0, x1, y1)))):
        raise row.wrong("x_max", "x_max above x_min and y_max above y_min")
    read.boxes.setdefault(finding, []).append((x0, y0, x1, y1))


def _note_labels(row: TableRow, columns: tuple[str, ...], films: _Films) -> None:
    read = _read_of(row, films)
    for finding in columns:
        if row[finding] not in ("0", "1", "0.0", "1.0"):
            raise row.wrong(finding, "1 or 0")
        if row[finding][0] == "1":
            read.named.add(finding)
