"""COCO annotation files: one JSON with images, categories and annotations.

An annotation is one instance: a polygon (of one or more contours), run lengths (compressed or
plain) or, where it has no contour, its box ``[x, y, width, height]``.

Polygons are filled as COCO's own tools fill them (``annotations.Outline``), so a polygon around a
box holds as many pixels as the box.  Where the bbox tells that the points are the outermost pixels
themselves, as those of OpenCV are, these are inside, too (``annotations.Polygons``).  A box with
``attributes.rotation`` is turned about its centre, clockwise by so many degrees, as CVAT writes it.

Programs spell one number in several ways: ``48``, ``48.0`` and ``"48"`` are one size, and one id.

A *stray* is an item that marks nothing: a contour of a click or a line, a box without an area, an
annotation of an image or a category that is not listed.  It is left out and told of, and the rest
of the file counts, unless more annotations are stray than are not: then the file is not what it
seems.

Sources: https://cocodataset.org/#format-data; https://docs.cvat.ai (rotation of rectangles).
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from pycocotools import mask as coco

from heatproof.data.annotations.coco_shapes import NO_FRAMES, Frames, brief, shape_of
from heatproof.data.annotations.formats import formats
from heatproof.data.annotations.holding import Holds
from heatproof.data.annotations.marks import (
    Beside,
    Mark,
    MarkedFilm,
    Markings,
    Reading,
    file_name,
    json_of,
    number,
)
from heatproof.data.annotations.rescaled import Rescaled
from heatproof.data.annotations.shapes import RLE, Boxes, Outline, Points, RotatedBox
from heatproof.data.tabular import read_json, spellings
from heatproof.errors import DataError, near_misses
from heatproof.types import REFERENCE, Shape

_SINGULAR = {"images": "image", "categories": "category", "annotations": "annotation"}


class Marks(NamedTuple):
    """What a COCO file holds.

    Attributes:
        shapes: By file name and finding; an image without annotations is there, without a finding.
        strays: What was left out and why, by file name; by place in the file where there is none.
    """

    shapes: Mapping[str, Mapping[str, tuple[Shape, ...]]]
    strays: Mapping[str, tuple[str, ...]]


@formats.register("coco")
@dataclass(frozen=True)
class Coco:
    """COCO's JSON of instances; readers and turned boxes stand in ``attributes``, as of CVAT."""

    holds: ClassVar[Holds] = Holds(
        frozenset({"boxes", "rotated boxes", "polygons", "masks", "points"}),
        parts=True,
        readers=True,
        scores=True,
        sizes=True,
    )

    def recognizes(self, path: Path) -> bool:
        """By its lists."""
        content = json_of(path)
        return isinstance(content, dict) and {"images", "annotations"} <= content.keys()

    def read(self, path: Path, beside: Beside) -> Markings:
        """The annotations of each image."""
        content = _content(path)
        strays: list[tuple[str, str]] = []
        items = _drawn(content, path, NO_FRAMES, strays)
        reading = Reading(path, beside)
        for image in _images(content, path).values():
            reading.film(image.name, image.size)
        for image, finding, drawn, annotation in items:
            with reading.item(image.name):
                name = reading.film(image.name)
                said = annotation.get("attributes")
                reader = said.get("reader") if isinstance(said, dict) else None
                score = annotation.get("score")
                sure = None if score is None else number(score, "score")
                # A turned box is of the size that the file names.
                shape = drawn.shape if isinstance(drawn, Rescaled) else drawn
                reading.add(name, Mark(finding, shape, str(reader or beside.reader), sure))
        found = reading.markings()
        return Markings(found.films, tuple(strays))

    def write(self, films: Sequence[MarkedFilm], path: Path) -> None:
        """One file; categories are numbered from 1, in alphabetical order."""
        findings = sorted({mark.finding for film in films for mark in film.marks})
        numbers = dict(zip(findings, range(1, len(findings) + 1), strict=True))
        content: dict[str, list[Any]] = {
            "images": [],
            "annotations": [],
            "categories": [{"id": place, "name": name} for name, place in numbers.items()],
        }
        for image_id, film in enumerate(films, 1):
            image: dict[str, Any] = {"id": image_id, "file_name": film.name}
            if film.size:
                image["height"], image["width"] = film.size
            content["images"].append(image)
            for mark in film.marks:
                annotation: dict[str, Any] = {
                    "id": len(content["annotations"]) + 1,
                    "image_id": image_id,
                    "category_id": numbers[mark.finding],
                    "iscrowd": 0,
                    **_written(mark.shape),
                }
                if mark.reader != REFERENCE:
                    annotation.setdefault("attributes", {})["reader"] = mark.reader
                if mark.score is not None:
                    annotation["score"] = mark.score
                content["annotations"].append(annotation)
        path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def _written(shape: Shape) -> dict[str, Any]:
    match shape:
        case Boxes(((x0, y0, x1, y1),)):
            return {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0)}
        case RotatedBox(x, y, width, height, degrees):
            return {
                "bbox": [x - width / 2, y - height / 2, width, height],
                "area": width * height,
                "attributes": {"rotation": degrees % 360},
            }
        case Points(((x, y),)):
            return {"keypoints": [x, y, 2], "num_keypoints": 1, "bbox": [x, y, 0, 0], "area": 0}
        case RLE(size, counts):
            x, y, width, height = (float(n) for n in coco.toBbox({"size": size, "counts": counts}))
            return {
                "segmentation": {"size": [*size], "counts": counts},
                "bbox": [x, y, width, height],
                "area": shape.area,
            }
        case Outline(contours):
            xy = np.array([point for contour in contours for point in contour], float)
            (x0, y0), (x1, y1) = xy.min(axis=0), xy.max(axis=0)
            return {
                "segmentation": [[float(n) for point in one for n in point] for one in contours],
                "bbox": [float(n) for n in (x0, y0, x1 - x0, y1 - y0)],
                "area": float((x1 - x0) * (y1 - y0)),
            }
    raise TypeError(shape)


def read_coco(path: Path, frames: Frames = NO_FRAMES) -> Marks:
    """The shapes and strays of a file.

    Raises:
        DataError: The file is missing or malformed.
    """
    content = _content(path)
    shapes: dict[str, defaultdict[str, list[Shape]]] = {
        image.name: defaultdict(list) for image in _images(content, path).values()
    }
    told: list[tuple[str, str]] = []
    for image, finding, shape, _ in _drawn(content, path, frames, told):
        shapes[image.name][finding].append(shape)
    strays: defaultdict[str, list[str]] = defaultdict(list)
    for place, reason in told:
        strays[place].append(reason)
    return Marks(
        {
            name: {finding: tuple(drawn) for finding, drawn in findings.items()}
            for name, findings in shapes.items()
        },
        {name: tuple(reasons) for name, reasons in strays.items()},
    )


def _content(path: Path) -> Mapping[str, Any]:
    content = read_json(path)
    if (
        not isinstance(content, dict)
        or not {"images", "annotations", "categories"} <= content.keys()
    ):
        raise DataError(f"{path} is no COCO file: expected images, annotations and categories")
    return content


def _images(content: Mapping[str, Any], path: Path) -> "dict[str, _Image]":
    return {
        key: _Image(file_name(entry["file_name"]), _size(entry, where))
        for key, entry, where in _listed(content, "images", "file_name", path)
    }


def _drawn(
    content: Mapping[str, Any], path: Path, frames: Frames, strays: list[tuple[str, str]]
) -> "list[tuple[_Image, str, Shape, Mapping[str, Any]]]":
    """Image, category, shape and entry of each annotation; what is left out goes to ``strays``."""
    images = _images(content, path)
    categories = {
        key: str(entry["name"]).strip()
        for key, entry, _ in _listed(content, "categories", "name", path)
    }
    found: list[tuple[_Image, str, Shape, Mapping[str, Any]]] = []
    lost: list[DataError] = []
    for where, annotation in _entries(content, "annotations", path):
        told = where
        try:
            image = _known(annotation, "image_id", images, where)
            told = image.name
            finding = _known(annotation, "category_id", categories, where)
            shape, left_out = shape_of(annotation, image.size, frames, where)
        except DataError as error:
            lost.append(error)
            strays.append((told, str(error)))
            continue
        found.append((image, finding, shape, annotation))
        strays += [(image.name, f"{where}: {reason}") for reason in left_out]
    if len(lost) > len(found):
        more = f" (and {len(lost) - 1} more annotations)" if len(lost) > 1 else ""
        raise DataError(f"{lost[0]}{more}") from lost[0]
    return found


class _Image(NamedTuple):
    name: str
    size: tuple[int, int] | None


def _entries(
    content: Mapping[str, Any], kind: str, path: Path
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each entry of a list with its place in the file; raises DataError for an entry that is no
    object.
    """
    entries = content[kind]
    if not isinstance(entries, list):
        raise DataError(f"{path}: {kind} is {brief(entries)}, expected a list")
    for place, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise DataError(
                f"{path}, number {place} of {kind}: found {brief(entry)}, expected an object"
            )
        yield f"{path}, {_SINGULAR[kind]} {entry.get('id', f'number {place}')}", entry


def _listed(
    content: Mapping[str, Any], kind: str, named: str, path: Path
) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Entries by their id, each once; raises DataError for one without an id or a name."""
    seen: dict[str, Mapping[str, Any]] = {}
    for where, entry in _entries(content, kind, path):
        key = spellings.name(entry.get("id"))
        if key is None or named not in entry:
            raise DataError(f"{where}: expected an id, a number or a text, and {named}")
        if key in seen and seen[key] != entry:
            raise DataError(
                f"{where}: two of {kind} have the id {entry['id']!r}; annotations could be of"
                " either"
            )
        # Files that were joined may list the same image twice.
        if key not in seen:
            seen[key] = entry
            yield key, entry, where


def _size(image: Mapping[str, Any], where: str) -> tuple[int, int] | None:
    """Height and width, where the file gives both."""
    if image.get("height") is None and image.get("width") is None:
        return None
    height, width = (spellings.whole(image.get(side)) for side in ("height", "width"))
    if not (height and width and height > 0 and width > 0):
        raise DataError(
            f"{where}: height {brief(image.get('height'))} and width {brief(image.get('width'))},"
            " expected pixels, or neither of them"
        )
    return height, width


def _known(annotation: Mapping[str, Any], key: str, listed: Mapping[str, Any], where: str) -> Any:
    value = annotation.get(key)
    name = spellings.name(value)
    if name is None or name not in listed:
        raise DataError(f"{where}: {key} {value!r} is not listed; {near_misses(str(name), listed)}")
    return listed[name]
