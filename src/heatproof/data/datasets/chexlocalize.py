"""CheXlocalize: CheXpert films with radiologists' contours of ten findings.

The reference standard is ``gt_annotations_{split}.json`` ({id: {"img_size": [h, w], finding:
[contour, ...]}}) or, filled in by the authors themselves, the run lengths of
``gt_segmentations_{split}.json``; both give the same masks.  Only images with a positive finding
are in them.  Image ids are ``patient00000_study1_view1_frontal``.

Of the test split there is a human benchmark: three other radiologists' contours in
``hb_annotations_{split}.json`` or ``hb_segmentations_{split}.json``, of the same formats, and in
``hb_salient_pt_{split}.json`` ({id: {finding: [[x, y], ...]}}) the points that represent a finding
best.  Where these files lie beside the others they are read, and methods compared with them.

Traps.  CheXpert's label table says "Lung Opacity" where every CheXlocalize file says "Airspace
Opacity"; here it is "Airspace Opacity" throughout.  Labels are found by name, since the order of
columns and that of the published model's outputs differ.  Contours of Cardiomegaly are contours of
Enlarged Cardiomediastinum as well (the authors merged them), so these two findings are not
independent.

Download: https://stanfordaimi.azurewebsites.net/datasets/abfb76e5-70d5-4315-badc-c94dd82e3d6d (a
form).  Licence: Stanford's research use agreement; no film may be passed on.  Source: Saporta et
al., Nature Machine Intelligence 2022, https://doi.org/10.1038/s42256-022-00536-x;
https://github.com/rajpurkarlab/cheXlocalize.
"""

import reprlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from heatproof.data.annotations import RLE, Points, Polygons
from heatproof.data.datasets import datasets
from heatproof.data.tabular import TableRow, chexpert, read_json, read_rows
from heatproof.data.tabular.listed import Listed
from heatproof.disk import is_file
from heatproof.errors import DataError, near_misses, read_by_a_library
from heatproof.types import BENCHMARK, REFERENCE, Annotation, Label, Sample, Shape

FINDINGS = (
    "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Lesion", "Airspace Opacity", "Edema",
    "Consolidation", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Support Devices",
)  # fmt: skip
_SYNONYMS = {"Lung Opacity": "Airspace Opacity", "Support Device": "Support Devices"}


_FARTHEST = 1e9  # pixels; no film is so large


@datasets.register("chexlocalize")
@dataclass(frozen=True)
class CheXlocalize(Listed):
    """CheXpert films with CheXlocalize's reference standard.

    Attributes:
        root: The folder that holds the annotations and CheXpert's label table and images, directly
            or in its subfolders ``CheXlocalize`` and ``CheXpert``.
        split: Part of the file names: ``"val"`` or ``"test"``; or ``"train"``, CheXpert's table of
            training films, of which none is outlined.
        reference: The radiologists' ``"polygons"``, or the authors' ``"masks"`` made of them.
    """

    root: Path | str
    split: str = "val"
    reference: Literal["polygons", "masks"] = "polygons"

    @property
    def findings(self) -> tuple[str, ...]:
        """The ten that were outlined."""
        return FINDINGS

    @cached_property
    def _samples(self) -> tuple[Sample, ...]:
        # CheXpert itself calls the table of its validation split ``valid.csv``.
        names = ["valid.csv", "val_labels.csv"] if self.split == "val" else []
        rows = read_rows(self._find([*names, f"{self.split}_labels.csv", f"{self.split}.csv"]))
        annotations = dict(self._annotations())
        for image_id, marks in self._benchmark():
            annotations[image_id] = (*annotations.get(image_id, ()), *marks)
        samples = chexpert.samples(rows, _labels)
        strangers = annotations.keys() - samples.keys()
        if strangers:
            raise DataError(
                f"{len(strangers)} annotated images are not in {rows[0].path}, such as"
                f" {min(strangers)}; is it the table of another split?"
            )
        return tuple(
            replace(sample, annotations=annotations.get(image_id, ()))
            for image_id, sample in samples.items()
        )

    def _find(self, names: list[str]) -> Path:
        for path in self._places(names):
            if is_file(path):
                return path
        raise DataError(f"none of {', '.join(names)} is in {self.root} or its subfolders")

    def _places(self, names: list[str]) -> list[Path]:
        folders = [Path(self.root) / folder for folder in (".", "CheXlocalize", "CheXpert")]
        return [folder / name for name in names for folder in folders]

    def _annotations(self) -> Iterator[tuple[str, tuple[Annotation, ...]]]:
        if self.split == "train":
            return
        kind = "annotations" if self.reference == "polygons" else "segmentations"
        yield from _drawn(self._find([f"gt_{kind}_{self.split}.json"]), REFERENCE)

    def _benchmark(self) -> Iterator[tuple[str, tuple[Annotation, ...]]]:
        """The marks and points of the human benchmark, where the data set has files of them."""
        kinds = ["annotations", "segmentations"]
        kinds = kinds if self.reference == "polygons" else kinds[::-1]
        regions = self._places([f"hb_{kind}_{self.split}.json" for kind in kinds])
        for path in [path for path in regions if is_file(path)][:1]:
            yield from _drawn(path, BENCHMARK)
        points = self._places([f"hb_salient_pt_{self.split}.json"])
        for path in [path for path in points if is_file(path)][:1]:
            yield from _named(path)


def _labels(row: TableRow) -> dict[str, Label]:
    labels: dict[str, Label] = {}
    spelled = {_SYNONYMS.get(column, column): column for column in row.values}
    for finding in FINDINGS:
        column = spelled.get(finding, finding)
        if row[column]:
            labels[finding] = chexpert.label(row, column)
    return labels


def _drawn(path: Path, source: str) -> Iterator[tuple[str, tuple[Annotation, ...]]]:
    """Contours or run lengths, as the name of the file says."""
    polygons = "annotations" in path.name
    for image_id, marks in _marks(path):
        size = marks.get("img_size")
        shapes = {
            _finding(name, path, image_id): (
                _contours(drawn, size, f"{path}, {image_id}, {name}")
                if polygons
                else _rle(drawn, f"{path}, {image_id}, {name}")
            )
            for name, drawn in marks.items()
            if name != "img_size"
        }
        yield (
            image_id,
            tuple(
                Annotation(finding, source, shape)
                for finding, shape in shapes.items()
                # No contours, or run lengths without a pixel, mean that nothing is marked.
                if shape.instances
            ),
        )


def _named(path: Path) -> Iterator[tuple[str, tuple[Annotation, ...]]]:
    for image_id, marks in _marks(path):
        points = {
            _finding(name, path, image_id): Points(_points(named, f"{path}, {image_id}, {name}"))
            for name, named in marks.items()
            if name != "img_size" and named
        }
        yield image_id, tuple(Annotation(name, BENCHMARK, drawn) for name, drawn in points.items())


def _finding(name: str, path: Path, image_id: str) -> str:
    finding = _SYNONYMS.get(name, name)
    if finding not in FINDINGS:
        raise DataError(f"{path}, {image_id}: no finding {name!r}; {near_misses(name, FINDINGS)}")
    return finding


def _marks(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is marked on each film, by its identifier."""
    content = read_json(path)
    for image_id, marks in content.items() if isinstance(content, dict) else [("", content)]:
        if not isinstance(marks, dict):
            raise DataError(
                f"{path}: found {reprlib.repr(marks)}, expected findings with their marks, by film"
            )
        yield image_id, marks


def _contours(drawn: Any, size: Any, where: str) -> Shape:
    match size:
        case [int(height), int(width)] if isinstance(drawn, list):
            contours = tuple(_points(contour, where) for contour in drawn)
            return Polygons(contours, (height, width))
    raise DataError(
        f"{where}: found {reprlib.repr(drawn)} of the size {reprlib.repr(size)}, expected contours"
        " [[[x, y], ...], ...] and img_size [height, width]"
    )


def _points(drawn: Any, where: str) -> tuple[tuple[float, float], ...]:
    with read_by_a_library(DataError, f"{where}: expected points [[x, y], ...]"):
        points = tuple((float(x), float(y)) for x, y in drawn)
    if not all(abs(value) < _FARTHEST for point in points for value in point):
        raise DataError(f"{where}: a point that is not within {_FARTHEST:g} pixels")
    return points


def _rle(drawn: Any, where: str) -> Shape:
    match drawn:
        case {"size": [int(height), int(width)], "counts": str(counts)}:
            return RLE((height, width), counts)
    raise DataError(
        f"{where}: found {reprlib.repr(drawn)}, expected run lengths as COCO's text:"
        ' {"size": [height, width], "counts": "..."}'
    )
