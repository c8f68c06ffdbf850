"""Manifest: your own radiographs, described by one table and, if you have them, COCO annotations.

The table is a CSV (UTF-8, commas) or Parquet file with one row per image.  A label cell is ``1``
(present), ``0`` (absent), ``-1`` or ``u`` (uncertain), or blank: unknown, which is *not* negative.
Where a table says it in words, a ``LabelRule`` lists the words::

    [data]
    csv = "stage_2.csv"
    image = "file"
    id = "rsna_id"
    patient = "patientId"
    where = { fold = "1" }
    labels.Opacity = { column = "class", positive = ["Lung Opacity"], negative = ["Normal"] }
    boxes = "boxes_xywh"
    metadata = ["age", "sex"]

Boxes are JSON, ``[[x, y, width, height], ...]``, in pixels of the image file, or of another
resolution of it that ``boxes_frame`` names.  Masks are image files of the radiograph's size.
In a COCO file ``images[].file_name`` is the manifest's image cell or the last part of it, and
categories are findings; one annotation is one instance, whatever number of polygons draws it.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from heatproof.data.annotations import Boxes, MaskFile, Several
from heatproof.data.coco import read_coco
from heatproof.data.datasets import datasets
from heatproof.data.pixels import ImageFile
from heatproof.data.tabular import TableRow, read_rows
from heatproof.errors import DataError, near_misses
from heatproof.types import REFERENCE, Annotation, Label, Sample, Shape

CellValue = str | int | float


@dataclass(frozen=True)
class LabelRule:
    """Which cells of a column mean that a finding is present, absent or uncertain."""

    column: str
    positive: tuple[CellValue, ...] = ("1", "1.0", "true")
    negative: tuple[CellValue, ...] = ("0", "0.0", "false")
    uncertain: tuple[CellValue, ...] = ("-1", "-1.0", "u")

    def __call__(self, row: TableRow) -> Label:
        """The label of a row whose cell is not blank."""
        text = row[self.column].casefold()
        for cells, label in ((self.positive, True), (self.negative, False), (self.uncertain, None)):
            if text in {str(cell).casefold() for cell in cells}:
                return label
        raise row.wrong(
            self.column,
            f"one of {', '.join(map(repr, (*self.positive, *self.negative, *self.uncertain)))}"
            " or nothing (unknown); 'where' leaves rows out",
        )


@datasets.register("manifest")
@dataclass(frozen=True)
class Manifest:
    """Radiographs listed in a table.

    Attributes:
        csv: The table.
        labels: Findings, each with its column or ``LabelRule``; or just names of columns.
        image: Column with the path of the image, relative to ``images``.
        images: Folder of the images; by default that of the table.
        id: Column with a unique name of the image; by default its path.
        patient: Column with the patient, without which each film counts as independent.
        study: Column with the examination.
        view: Column with the projection.
        boxes: Column with boxes.
        boxes_frame: Height and width of the image that boxes were drawn on, if not of the file.
        mask: Column with the path of a mask, relative to ``images``.
        finding: What boxes and masks mark; needed where there are several labels.
        coco: Annotations in COCO's format.
        where: Rows to keep: column to one value, or any of several.
        spacing: Column with the millimetres from pixel to pixel of the image file: one number, or
            ``[down, across]``; DICOM files tell by themselves.
        metadata: Columns to keep, such as sex and age; numbers become numbers.
        source: Who drew the annotations.
    """

    csv: Path | str
    labels: Mapping[str, str | LabelRule] | tuple[str, ...] = ()
    image: str = "image"
    images: Path | str | None = None
    id: str | None = None
    patient: str | None = None
    study: str | None = None
    view: str | None = None
    boxes: str | None = None
    boxes_frame: tuple[int, int] | None = None
    mask: str | None = None
    finding: str | None = None
    coco: Path | str | None = None
    where: Mapping[str, CellValue | tuple[CellValue, ...]] = field(default_factory=dict)
    spacing: str | None = None
    metadata: tuple[str, ...] = ()
    source: str = REFERENCE

    def __post_init__(self) -> None:
        """Read the table and the annotations now, so that their errors come first."""
        _ = self._samples

    @property
    def findings(self) -> tuple[str, ...]:
        """Labelled findings, then those that are only annotated."""
        marked = [] if self._marked is None else [self._marked]
        drawn = [finding for shapes in self._coco.values() for finding in shapes]
        return tuple(dict.fromkeys([*self._rules, *marked, *drawn]))

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Sample:
        return self._samples[index]

    @cached_property
    def _rules(self) -> dict[str, LabelRule]:
        named = (
            self.labels
            if isinstance(self.labels, Mapping)
            else {name: name for name in self.labels}
        )
        return {
            finding: LabelRule(rule) if isinstance(rule, str) else rule
            for finding, rule in named.items()
        }

    @cached_property
    def _marked(self) -> str | None:
        """The finding that boxes and masks mark; None where the table has neither."""
        if self.boxes is None and self.mask is None:
            return None
        if self.finding is not None:
            return self.finding
        if len(self._rules) == 1:
            return next(iter(self._rules))
        raise DataError(
            f"what do the boxes or masks of {self.csv} mark?  Set 'finding'"
            f" (labels are: {', '.join(self._rules) or 'none'})"
        )

    @cached_property
    def _coco(self) -> dict[str, dict[str, tuple[Shape, ...]]]:
        """Shapes by file name and finding."""
        if self.coco is None:
            return {}
        drawn = read_coco(Path(self.coco))
        # A category that differs from a label in case alone would be a finding of its own.
        spelled = {finding.casefold(): finding for finding in self._rules}
        for finding in {finding for shapes in drawn.values() for finding in shapes}:
            if spelled.get(finding.casefold(), finding) != finding:
                raise DataError(
                    f"{self.coco} has a category {finding!r}; {near_misses(finding, self._rules)}"
                )
        return drawn

    @cached_property
    def _samples(self) -> tuple[Sample, ...]:
        rows = [row for row in read_rows(Path(self.csv)) if self._kept(row)]
        if not rows:
            raise DataError(f"{self.csv} has no row where {dict(self.where)}")
        seen: dict[str, TableRow] = {}
        for row in rows:
            image_id = row[self.id or self.image]
            if not image_id:
                raise row.wrong(self.id or self.image, "the name of an image")
            if image_id in seen:
                raise DataError(
                    f"{row.path}, lines {seen[image_id].line} and {row.line}: two images are"
                    f" named {image_id!r}; an image must be listed once"
                )
            seen[image_id] = row
        self._check_names()
        samples = tuple(self._sample(image_id, row) for image_id, row in seen.items())
        if self._coco and not any(self._coco.values()):
            raise DataError(f"{self.coco} annotates nothing; leave it out where nothing is marked")
        if self._coco and not any(sample.annotations for sample in samples):
            raise DataError(
                f"no image of {self.csv} is annotated in {self.coco}, which has"
                f" {min(self._coco)!r}, where the table has {rows[0][self.image]!r}"
            )
        return samples

    def _check_names(self) -> None:
        """Every annotated image of the COCO file is one image of the table, and no more."""
        # All rows count, since annotations of rows that ``where`` leaves out are no mistake.
        cells = [row[self.image] for row in read_rows(Path(self.csv))] if self._coco else []
        named = Counter(cells) + Counter(
            Path(cell).name for cell in cells if Path(cell).name != cell
        )
        drawn = [name for name, findings in self._coco.items() if findings]
        lost = [name for name in drawn if name not in named]
        # Where all are lost, ``_samples`` says so, since then the names differ as a whole.
        if lost and len(lost) < len(drawn):
            raise DataError(
                f"{len(lost)} of {len(drawn)} annotated images of {self.coco} are not in"
                f" {self.csv}, such as {lost[0]!r}; {near_misses(lost[0], cells)}"
            )
        for name in drawn:
            if named[name] > 1:
                raise DataError(
                    f"{self.coco} annotates {name!r}, but {named[name]} images of {self.csv} end"
                    " in that name; give file_name with its folder"
                )

    def _kept(self, row: TableRow) -> bool:
        return all(
            row[column] in {str(v) for v in (wanted if isinstance(wanted, tuple) else (wanted,))}
            for column, wanted in self.where.items()
        )

    def _sample(self, image_id: str, row: TableRow) -> Sample:
        labels = {finding: rule(row) for finding, rule in self._rules.items() if row[rule.column]}
        return Sample(
            image_id=image_id,
            pixels=ImageFile(self._folder / row[self.image], _spacing(row, self.spacing)),
            # Blank is unknown: as a name it would make one patient of all such films.
            patient_id=(row[self.patient] or None) if self.patient else None,
            labels=labels,
            annotations=self._annotations(row),
            study_id=row[self.study] if self.study else "",
            view=row[self.view] if self.view else "",
            metadata={name: _value(row[name]) for name in self.metadata if row[name]},
        )

    @property
    def _folder(self) -> Path:
        return Path(self.csv).parent if self.images is None else Path(self.images)

    def _annotations(self, row: TableRow) -> tuple[Annotation, ...]:
        shapes: defaultdict[str, list[Shape]] = defaultdict(list)
        if self.boxes and self._marked and (boxes := _boxes(row, self.boxes)):
            shapes[self._marked].append(Boxes(boxes, self.boxes_frame))
        if self.mask and self._marked and row[self.mask]:
            shapes[self._marked].append(MaskFile(self._folder / row[self.mask]))
        image = row[self.image]
        for finding, drawn in self._coco.get(image, self._coco.get(Path(image).name, {})).items():
            shapes[finding].extend(drawn)
        return tuple(
            Annotation(finding, self.source, drawn[0] if len(drawn) == 1 else Several(tuple(drawn)))
            for finding, drawn in shapes.items()
        )


def _boxes(row: TableRow, column: str) -> tuple[tuple[float, float, float, float], ...]:
    """Corners of the boxes in a cell of ``[[x, y, width, height], ...]``."""
    expected = "JSON such as [[x, y, width, height], ...] in pixels, or nothing"
    try:
        boxes = [tuple(map(float, box)) for box in json.loads(row[column] or "[]")]
    except (ValueError, TypeError) as error:
        raise row.wrong(column, expected) from error
    if not all(len(box) == 4 and box[2] > 0 and box[3] > 0 for box in boxes):  # noqa: PLR2004
        raise row.wrong(column, f"{expected}, with width and height above 0")
    return tuple((x, y, x + width, y + height) for x, y, width, height in boxes)


def _spacing(row: TableRow, column: str | None) -> tuple[float, float] | None:
    if column is None or not row[column]:
        return None
    try:
        spacing = json.loads(row[column])
    except ValueError:
        spacing = None
    match spacing:
        case [int() | float() as down, int() | float() as across] if min(down, across) > 0:
            return float(down), float(across)
        case int() | float() as both if both > 0:
            return float(both), float(both)
    raise row.wrong(column, "millimetres per pixel, such as 0.143 or [0.143, 0.143], or nothing")


def _value(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text
