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

``labels.Opacity = true`` (or ``false``) is for a table of films that all have the finding (or all
lack it), and need no column to say so.

Boxes are JSON, ``[[x, y, width, height], ...]``, in pixels of the image file, or of another
resolution of it that ``boxes_frame`` names.  Masks are image or DICOM files of the radiograph's
size, or of that of ``masks_frame``.  In a COCO file ``images[].file_name`` is the manifest's image
cell or the last part of it, and categories are findings; one annotation is one instance, whatever
number of polygons draws it.  Files of other tools are ``annotations``: one, or one of each reader,
whose films are named likewise, or by their ``id``.  Items that mark nothing are left out and told
of (``strays``).

``48`` and ``48.0`` are one patient and one value, since data frames write whole numbers so; ``007``
and ``7`` are two.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from heatproof.data.annotations import Boxes, MaskFile, Several
from heatproof.data.annotations.coco_shapes import Frames
from heatproof.data.annotations.formats.coco import Marks, read_coco
from heatproof.data.annotations.joined import Consensus, Files, Joined, joined
from heatproof.data.annotations.marks import file_name
from heatproof.data.annotations.rescaled import Rescaled
from heatproof.data.datasets import datasets
from heatproof.data.decoding.levels import Levels, Number, Photometric
from heatproof.data.pixels import ImageFile
from heatproof.data.tabular import TableRow, read_rows
from heatproof.data.tabular.cells import (
    Box,
    CellValue,
    LabelRule,
    boxes_in,
    check_labels,
    chosen,
    metadata_of,
    one_spelling,
    spacing_of,
)
from heatproof.data.tabular.spellings import plain
from heatproof.errors import DataError, Gathered, near_misses
from heatproof.types import REFERENCE, Annotation, Label, Sample, Shape

__all__ = ["LabelRule", "Manifest"]


@datasets.register("manifest")
@dataclass(frozen=True)
class Manifest:
    """Radiographs listed in a table.

    Attributes:
        csv: The table.
        labels: Findings, each with its column or ``LabelRule`` (or a mapping of its fields), or
            ``true`` or ``false`` for all films; or just names of columns.
        image: Column with the path of the image, relative to ``images``.
        images: Folder of the images; by default that of the table.
        id: Column with a unique name of the image; by default its path.
        patient: Column with the patient, without which each film counts as independent.
        study: Column with the examination.
        view: Column with the projection.
        boxes: Column with boxes.
        boxes_frame: Height and width of the image that boxes were drawn on, if not of the file.
        masks_frame: Height and width of the image that masks, and polygons and run lengths of
            ``coco``, were drawn on, if not of the file.
        mask: Column with the path of a mask, relative to ``images``.
        finding: What boxes and masks mark; needed where there are several labels.
        coco: Annotations in COCO's format.
        annotations: A file or folder of annotations, of any format; or one of each reader, by name.
        format: Format of ``annotations``, such as ``"via"``; found out unless told.
        consensus: Which pixels are the reference where several readers marked the films of
            ``annotations``: those that the ``"majority"`` marked, the ``"union"``, the
            ``"intersection"``, or those that ``"staple"`` finds; ``"none"`` makes no reference.
        readers: Whether the marks of each reader are kept, too, where there is a consensus.
        where: Rows to keep: column to one value, or any of several.
        spacing: Column with the millimetres from pixel to pixel of the image file: one number, or
            ``[down, across]``; DICOM files tell by themselves.
        metadata: Columns to keep, such as sex and age; a column of numbers becomes numbers, unless
            they are written as names are (``007``).
        source: Who drew the annotations.
        photometric: ``"MONOCHROME1"`` where low stored values are bright, ``"MONOCHROME2"`` where
            high ones are; in place of what the files say.
        window: Centre and width of the stored values (of DICOM: after rescaling) that are shown; in
            place of what the files say, as the next two are.
        maximum: The stored value that is white, such as 4095 where 12 bits lie in files of 16.
        percentiles: Those of each film's own values that become black and white, such as
            ``[0.5, 99.5]``.
    """

    csv: Path | str
    labels: Mapping[str, bool | str | LabelRule | Mapping[str, Any]] | tuple[str, ...] = ()
    image: str = "image"
    images: Path | str | None = None
    id: str | None = None
    patient: str | None = None
    study: str | None = None
    view: str | None = None
    boxes: str | None = None
    boxes_frame: tuple[int, int] | None = None
    masks_frame: tuple[int, int] | None = None
    mask: str | None = None
    finding: str | None = None
    coco: Path | str | None = None
    annotations: Path | Mapping[str, Path] | None = None
    format: str | None = None
    consensus: Consensus = "none"
    readers: bool = True
    where: Mapping[str, CellValue | tuple[CellValue, ...]] = field(default_factory=dict)
    spacing: str | None = None
    metadata: tuple[str, ...] = ()
    source: str = REFERENCE
    photometric: Photometric | None = None
    window: tuple[Number, Number] | None = None
    maximum: Number | None = None
    percentiles: tuple[Number, Number] | None = None

    def __post_init__(self) -> None:
        """Read the table and the annotations now, so that their errors come first."""
        gathered = Gathered()
        with gathered.each():
            self._check_columns()
        if not gathered.errors:
            for finding, rule in self._rules.items():
                if isinstance(rule, LabelRule):
                    with gathered.each():
                        check_labels(list(self._rows.values()), finding, rule)
            with gathered.each():
                _ = self._boxes
        with gathered.each():
            _ = self._coco
        with gathered.each():
            _ = self._joined
        with gathered.each():
            _ = self._marked
        gathered.tell()
        _ = self._samples

    def _check_columns(self) -> None:
        """Every column that an option names is one of the table."""
        keys = ("image", "id", "patient", "study", "view", "boxes", "mask", "spacing")
        named = [(key, getattr(self, key)) for key in keys]
        named += [("metadata", column) for column in self.metadata]
        named += [("where", column) for column in self.where]
        for finding, rule in self._rules.items():
            key = f"labels.{finding}" if isinstance(self.labels, Mapping) else "labels"
            named += [(key, rule.column)] if isinstance(rule, LabelRule) else []
        columns = self._table[0].places
        gathered = Gathered()
        for key, column in named:
            if column is not None and column not in columns:
                with gathered.each():
                    raise DataError(
                        f"{key} = {column!r}: {self.csv} has no column {column!r};"
                        f" {near_misses(column, columns)}"
                    )
        gathered.tell()

    @property
    def findings(self) -> tuple[str, ...]:
        """Labelled findings, then those that are only annotated."""
        marked = [] if self._marked is None else [self._marked]
        drawn = [finding for shapes in self._coco.shapes.values() for finding in shapes]
        return tuple(dict.fromkeys([*self._rules, *marked, *drawn, *self._joined.findings]))

    @cached_property
    def strays(self) -> tuple[tuple[str, str], ...]:
        """Items that mark nothing, each with its film, or its place in the file, and the reason."""
        ids = {self._in_coco(row): image_id for image_id, row in self._rows.items()}
        of_coco = (
            (ids.get(name, name), reason)
            for name, reasons in self._coco.strays.items()
            # A film that is not here may be one that ``where`` leaves out.
            if name in ids or name not in self._coco.shapes
            for reason in reasons
        )
        of_table = (
            (image_id, reason) for image_id, (_, strays) in self._boxes.items() for reason in strays
        )
        return (*of_coco, *of_table, *self._joined.strays)

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Sample:
        return self._samples[index]

    @cached_property
    def _table(self) -> tuple[TableRow, ...]:
        return read_rows(Path(self.csv))

    @cached_property
    def _rules(self) -> dict[str, bool | LabelRule]:
        named = (
            self.labels
            if isinstance(self.labels, Mapping)
            else {name: name for name in self.labels}
        )
        return {finding: _rule(finding, rule) for finding, rule in named.items()}

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
    def _levels(self) -> Levels:
        return Levels(self.photometric, self.window, self.maximum, self.percentiles)

    @cached_property
    def _joined(self) -> Joined:
        """What the files of ``annotations`` hold."""
        if self.annotations is None:
            return Joined({}, (), ())
        if isinstance(self.annotations, Mapping):
            paths = {reader: Path(path) for reader, path in self.annotations.items()}
        else:
            paths = {self.source: Path(self.annotations)}
        # All rows count, since marks of rows that ``where`` leaves out are no mistake.
        images: dict[str, Path] = {}
        for row in self._table:
            for column in filter(None, (self.image, self.id)):
                images.setdefault(file_name(row[column]), self._folder / row[self.image])
        files = Files(
            paths, self.format, self.finding, self.consensus, self.readers, self.masks_frame
        )
        found = joined(files, images)
        self._check_spelling(str(self.annotations), found.findings)
        return found

    def _check_spelling(self, where: str, findings: Iterable[str]) -> None:
        """A finding that differs from a label in case alone would be a finding of its own."""
        spelled = {finding.casefold(): finding for finding in self._rules}
        for finding in findings:
            if spelled.get(finding.casefold(), finding) != finding:
                raise DataError(
                    f"{where} has a category {finding!r}; {near_misses(finding, self._rules)}"
                )

    @cached_property
    def _coco(self) -> Marks:
        if self.coco is None:
            return Marks({}, {})
        marks = read_coco(Path(self.coco), Frames(self.boxes_frame, self.masks_frame))
        found = {finding for shapes in marks.shapes.values() for finding in shapes}
        self._check_spelling(str(self.coco), found)
        return marks

    @cached_property
    def _rows(self) -> dict[str, TableRow]:
        """The rows that are kept, by the name of their image."""
        rows = chosen(self._table, self.where)
        if not rows:
            raise DataError(f"{self.csv} has no row where {dict(self.where)}")
        seen: dict[str, TableRow] = {}
        column = self.id or self.image
        for row in rows:
            image_id = plain(row[column])
            if not image_id:
                raise row.wrong(column, "the name of an image")
            if image_id in seen:
                raise DataError(
                    f"{row.path}, lines {seen[image_id].line} and {row.line}: two images are"
                    f" named {image_id!r}; an image must be listed once"
                )
            seen[image_id] = row
        return {row[column]: row for row in rows}

    @cached_property
    def _boxes(self) -> dict[str, tuple[tuple[Box, ...], tuple[str, ...]]]:
        """The boxes in the table and the strays among them, by the name of the image."""
        if self.boxes is None:
            return {}
        found = boxes_in(self._rows, self.boxes)
        strays = [stray for _, strays in found.values() for stray in strays]
        if len(strays) > sum(len(boxes) for boxes, _ in found.values()):
            raise DataError(strays[0])
        return found

    @cached_property
    def _samples(self) -> tuple[Sample, ...]:
        self._check_names()
        rows = list(self._rows.values())
        patients = one_spelling(row[self.patient] for row in rows) if self.patient else {}
        samples = tuple(
            self._sample(image_id, row, patients, metadata)
            for (image_id, row), metadata in zip(
                self._rows.items(), metadata_of(rows, self.metadata), strict=True
            )
        )
        drawn = self._coco.shapes
        if drawn and not any(drawn.values()):
            raise DataError(f"{self.coco} annotates nothing; leave it out where nothing is marked")
        if drawn and not any(sample.annotations for sample in samples):
            raise DataError(
                f"no image of {self.csv} is annotated in {self.coco}, which has"
                f" {min(drawn)!r}, where the table has {rows[0][self.image]!r}"
            )
        return samples

    def _check_names(self) -> None:
        """Every annotated image of the COCO file is one image of the table, and no more."""
        if not self._coco.shapes:
            return
        # All rows count, since annotations of rows that ``where`` leaves out are no mistake.
        cells = [file_name(row[self.image]) for row in self._table]
        named = Counter(cells) + Counter(
            Path(cell).name for cell in cells if Path(cell).name != cell
        )
        drawn = [name for name, findings in self._coco.shapes.items() if findings]
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

    def _in_coco(self, row: TableRow) -> str:
        """The name of an image in the COCO file: as in the table, or its last part."""
        name = file_name(row[self.image])
        return name if name in self._coco.shapes else Path(name).name

    def _sample(
        self,
        image_id: str,
        row: TableRow,
        patients: Mapping[str, str],
        metadata: Mapping[str, str | float],
    ) -> Sample:
        path = self._folder / row[self.image]
        return Sample(
            image_id=image_id,
            pixels=ImageFile(path, spacing_of(row, self.spacing), self._levels),
            # Blank is unknown: as a name it would make one patient of all such films.
            patient_id=(patients[row[self.patient]] or None) if self.patient else None,
            labels=self._labels(row),
            annotations=self._annotations(image_id, row),
            study_id=row[self.study] if self.study else "",
            view=row[self.view] if self.view else "",
            metadata=metadata,
        )

    def _labels(self, row: TableRow) -> Mapping[str, Label]:
        labels = {
            finding: rule if isinstance(rule, bool) else rule(row)
            for finding, rule in self._rules.items()
            if isinstance(rule, bool) or row[rule.column]
        }
        # Films of equal labels share them: of a long table, each mapping takes memory.
        return self._equal_labels.setdefault(tuple(labels.items()), labels)

    @cached_property
    def _equal_labels(self) -> dict[tuple[tuple[str, Label], ...], Mapping[str, Label]]:
        return {}

    @cached_property
    def _folder(self) -> Path:
        return Path(self.csv).parent if self.images is None else Path(self.images)

    def _annotations(self, image_id: str, row: TableRow) -> tuple[Annotation, ...]:
        shapes: defaultdict[str, list[Shape]] = defaultdict(list)
        boxes, _ = self._boxes.get(image_id, ((), ()))
        if boxes and self._marked:
            shapes[self._marked].append(Boxes(boxes, self.boxes_frame))
        if self.mask and self._marked and row[self.mask]:
            mask = MaskFile(self._folder / row[self.mask])
            shapes[self._marked].append(
                Rescaled(mask, self.masks_frame) if self.masks_frame else mask
            )
        if self._coco.shapes:
            for finding, drawn in self._coco.shapes.get(self._in_coco(row), {}).items():
                shapes[finding].extend(drawn)
        own = tuple(
            Annotation(finding, self.source, drawn[0] if len(drawn) == 1 else Several(tuple(drawn)))
            for finding, drawn in shapes.items()
        )
        if not self._joined.annotations:
            return own
        names = [file_name(row[column]) for column in filter(None, (self.image, self.id))]
        found = next(
            (self._joined.annotations[n] for n in names if n in self._joined.annotations), ()
        )
        twice = {(mark.finding, mark.source) for mark in own}
        for mark in found:
            if (mark.finding, mark.source) in twice:
                raise DataError(
                    f"{image_id}: {mark.finding!r} of {mark.source!r} is marked in two places of"
                    f" the description; is it in {self.csv} and in {self.annotations}?"
                )
        return own + found


def _rule(finding: str, rule: bool | str | LabelRule | Mapping[str, Any]) -> bool | LabelRule:
    """What a finding's cells mean, from whatever form it was given in."""
    if isinstance(rule, bool | LabelRule):
        return rule
    if isinstance(rule, str):
        return LabelRule(rule)
    form = f'labels.{finding} = {{ column = "class", positive = ["yes"], negative = ["no"] }}'
    known = [field.name for field in fields(LabelRule)]
    for key in rule:
        if key not in known:
            misses = near_misses(key, known)
            raise DataError(f"labels.{finding} has no key {key!r}; {misses}\nExpected is {form}")
    if not isinstance(rule.get("column"), str):
        raise DataError(f"labels.{finding}: say its column, as in {form}")
    listed = {
        key: (value,) if isinstance(value, str | int | float) else tuple(value)
        for key, value in rule.items()
        if key != "column"
    }
    return LabelRule(rule["column"], **listed)
