"""CVAT: "CVAT for images 1.1", one XML file.

An ``image`` has ``box`` (corners ``xtl, ytl, xbr, ybr``; ``rotation`` about the centre, clockwise),
``polygon``, ``points``, ``ellipse``, ``mask`` (run lengths along the rows of its own box, the first
unmarked) and ``polyline``, which is a stray.  Polygons that share a ``group_id`` other than 0 and a
label are parts of one thing.  ``tag`` says something of the whole image.  The attributes ``reader``
and ``score`` of a shape say who drew it, and how sure a program was.

Source: https://docs.cvat.ai/docs/manual/advanced/xml_format/.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import radians
from pathlib import Path
from typing import Any, ClassVar
from xml.etree import ElementTree as ET

import numpy as np

from heatproof.data.annotations.formats import formats
from heatproof.data.annotations.holding import Holds
from heatproof.data.annotations.marks import (
    Beside,
    Mark,
    MarkedFilm,
    Markings,
    Reading,
    Size,
    StrayError,
    box,
    ellipse,
    number,
    polygon,
    size_of,
)
from heatproof.data.annotations.shapes import RLE, Boxes, Outline, Point, Points, RotatedBox, encode
from heatproof.data.annotations.xml_files import read_xml, write_xml
from heatproof.data.tabular.spellings import whole
from heatproof.errors import DataError
from heatproof.types import REFERENCE, Shape

_SHAPES = ("box", "polygon", "points", "ellipse", "mask", "polyline")
_OTHERS = ("cuboid", "skeleton")


@dataclass(frozen=True)
class _Drawn:
    """One shape, with what is written beside it."""

    finding: str
    reader: str
    score: float | None
    group: str


@formats.register("cvat")
@dataclass(frozen=True)
class Cvat:
    """CVAT for images 1.1."""

    holds: ClassVar[Holds] = Holds(
        frozenset({"boxes", "rotated boxes", "polygons", "masks", "points"}),
        parts=True,
        readers=True,
        scores=True,
        sizes=True,
        needs_size=True,
    )

    def recognizes(self, path: Path) -> bool:
        """By its root, and the images below it."""
        if path.suffix.lower() != ".xml":
            return False
        try:
            return read_xml(path).tag == "annotations"
        except DataError:
            return False

    def read(self, path: Path, beside: Beside) -> Markings:
        """The shapes of each image."""
        root = read_xml(path)
        if root.tag != "annotations":
            raise DataError(f"{path} is no file of CVAT: its root is {root.tag!r:.60}")
        reading = Reading(path, beside)
        for image in root.iter("image"):
            with reading.item(f"image {image.get('id')}"):
                size = size_of(image.get("height"), image.get("width"))
                film = reading.film(image.get("name"), size)
                _image(image, film, reading)
        if root.find(".//track") is not None:
            reading.problems.note(f"{path} has tracks of a video; export it as CVAT for images")
        return reading.markings("Expected CVAT's export for images, 1.1.")

    def write(self, films: Sequence[MarkedFilm], path: Path) -> None:
        """One file; groups are numbered within each image."""
        root = ET.Element("annotations")
        ET.SubElement(root, "version").text = "1.1"
        labels = ET.SubElement(ET.SubElement(ET.SubElement(root, "meta"), "job"), "labels")
        for finding in sorted({mark.finding for film in films for mark in film.marks}):
            label = ET.SubElement(labels, "label")
            ET.SubElement(label, "name").text = finding
            attributes = ET.SubElement(label, "attributes")
            for name in ("reader", "score"):
                ET.SubElement(ET.SubElement(attributes, "attribute"), "name").text = name
        for place, film in enumerate(films):
            assert film.size is not None
            sides = {"width": str(film.size[1]), "height": str(film.size[0])}
            image = ET.SubElement(root, "image", {"id": str(place), "name": film.name, **sides})
            for group, mark in enumerate(film.marks, 1):
                _write(image, mark, group)
        write_xml(root, path)


def _image(image: ET.Element, film: str, reading: Reading) -> None:
    groups: dict[_Drawn, list[Shape]] = {}
    for count, item in enumerate(image):
        with reading.item(f"{film}, {item.tag} {count}"):
            if item.tag in _OTHERS:
                raise DataError(f"a {item.tag}, which has no mark on a film")
            if item.tag not in _SHAPES:
                continue
            said = {a.get("name"): (a.text or "").strip() for a in item.iter("attribute")}
            score = said.get("score")
            group = item.get("group_id") or "0"
            drawn = _Drawn(
                reading.finding(item.get("label")),
                said.get("reader") or reading.beside.reader,
                number(score, "score") if score else None,
                group if group != "0" and item.tag == "polygon" else f"number {count}",
            )
            groups.setdefault(drawn, []).append(_shape(item, film, reading))
    for drawn, shapes in groups.items():
        outlines = [shape for shape in shapes if isinstance(shape, Outline)]
        if len(outlines) > 1:
            contours = tuple(contour for shape in outlines for contour in shape.contours)
            reading.add(film, Mark(drawn.finding, Outline(contours), drawn.reader, drawn.score))
            continue
        for shape in shapes:
            reading.add(film, Mark(drawn.finding, shape, drawn.reader, drawn.score))


def _shape(item: ET.Element, film: str, reading: Reading) -> Shape:
    def of(*keys: str) -> list[float]:
        return [number(item.get(key), key) for key in keys]

    degrees = number(item.get("rotation") or 0, "rotation") % 360
    match item.tag:
        case "box":
            x0, y0, x1, y1 = of("xtl", "ytl", "xbr", "ybr")
            upright = box(x0, y0, x1, y1)
            if not degrees:
                return upright
            ((x0, y0, x1, y1),) = upright.boxes
            return RotatedBox((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0, degrees)
        case "ellipse":
            x, y, across, down = of("cx", "cy", "rx", "ry")
            return ellipse(x, y, across, down, radians(degrees))
        case "mask":
            return _pasted(item, reading.size(film))
    points = [
        (number(x, "x"), number(y, "y"))
        for x, _, y in (pair.partition(",") for pair in (item.get("points") or "").split(";"))
    ]
    if item.tag == "polyline":
        raise StrayError(f"a line of {len(points)} points, which encloses nothing")
    return Points(tuple(points)) if item.tag == "points" else polygon(points)


def _pasted(item: ET.Element, size: Size) -> RLE:
    """A mask of the whole film from the run lengths of a part of it."""
    sides = [whole(item.get(key)) for key in ("left", "top", "width", "height")]
    runs = [whole(run) for run in (item.get("rle") or "").split(",")]
    lengths = [run for run in runs if run is not None and run >= 0]
    known = [side for side in sides if side is not None and side >= 0]
    if len(known) < len(sides) or len(lengths) < len(runs):
        raise DataError("a mask without left, top, width, height and rle in whole numbers")
    left, top, width, height = known
    if left + width > size[1] or top + height > size[0]:
        raise DataError(f"a mask of {height} x {width} at {left}, {top}, which leaves the film")
    if sum(lengths) != width * height:
        raise DataError(f"run lengths of {sum(lengths)} pixels, expected {height} x {width}")
    marked = np.arange(len(lengths)) % 2 == 1
    mask = np.zeros(size, bool)
    part = np.repeat(marked, lengths).reshape(height, width)
    mask[top : top + height, left : left + width] = part
    return encode(mask, 1)


def _write(image: ET.Element, mark: Mark, group: int) -> None:
    for tag, values in _written(mark.shape, group):
        texts = {"label": mark.finding, "source": "manual", "occluded": "0", **values}
        item = ET.SubElement(image, tag, texts)
        if mark.reader != REFERENCE:
            ET.SubElement(item, "attribute", {"name": "reader"}).text = mark.reader
        if mark.score is not None:
            ET.SubElement(item, "attribute", {"name": "score"}).text = repr(mark.score)


def _written(shape: Shape, group: int) -> Iterator[tuple[str, dict[str, str]]]:
    def texts(**values: Any) -> dict[str, str]:
        return {key: str(value) for key, value in values.items()}

    def points(contour: Sequence[Point]) -> str:
        return ";".join(f"{x},{y}" for x, y in contour)

    match shape:
        case Boxes(((x0, y0, x1, y1),)):
            yield "box", texts(xtl=x0, ytl=y0, xbr=x1, ybr=y1)
        case RotatedBox(x, y, w, h, degrees):
            corners = texts(xtl=x - w / 2, ytl=y - h / 2, xbr=x + w / 2, ybr=y + h / 2)
            yield "box", corners | texts(rotation=degrees % 360)
        case Points(named):
            yield "points", texts(points=points(named))
        case Outline(contours):
            together = texts(group_id=group) if len(contours) > 1 else {}
            for contour in contours:
                yield "polygon", texts(points=points(contour)) | together
        case RLE((height, width)):
            mask = shape.mask(height, width)
            rows, columns = np.nonzero(mask)
            top, left = int(rows.min()), int(columns.min())
            part = mask[top : rows.max() + 1, left : columns.max() + 1]
            flat = np.concatenate([[False], part.ravel()])
            starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)), [part.size]])
            runs = np.diff(starts)
            place = texts(left=left, top=top, width=part.shape[1], height=part.shape[0])
            yield "mask", place | texts(rle=", ".join(map(str, runs.tolist())))
        case _:
            raise TypeError(shape)
