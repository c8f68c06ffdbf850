"""LabelMe: a JSON file per film, in one folder.

A file has ``shapes``, each with a ``label``, ``points`` and a ``shape_type``: polygon, rectangle
(two corners), circle (centre and a point of the rim), point, points, line, linestrip, mask (two
corners, and a PNG of what is between them), oriented_rectangle and rotation (four corners).  Shapes
that share a ``group_id`` and a label are parts of one thing.  Circles become polygons of 72 points;
lines are strays.

Source: https://github.com/wkentaro/labelme.
"""

import base64
import binascii
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

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
    json_of,
    place_for,
    points_of,
    polygon,
    size_of,
)
from heatproof.data.annotations.shapes import RLE, Boxes, Outline, Points, encode
from heatproof.data.tabular import read_json
from heatproof.errors import DataError
from heatproof.types import Shape

_PAIR = 2


@formats.register("labelme")
@dataclass(frozen=True)
class LabelMe:
    """LabelMe's files, all of a folder."""

    holds: ClassVar[Holds] = Holds(
        frozenset({"boxes", "polygons", "masks", "points"}), parts=True, sizes=True
    )

    def recognizes(self, path: Path) -> bool:
        """By a file of the folder."""
        file = next(iter(sorted(path.rglob("*.json"))), path) if path.is_dir() else path
        content = json_of(file)
        return isinstance(content, dict) and {"shapes", "imagePath"} <= content.keys()

    def read(self, path: Path, beside: Beside) -> Markings:
        """The shapes of every file."""
        files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
        reading = Reading(path, beside)
        for file in files:
            with reading.item(str(file.relative_to(path)) if path.is_dir() else file.name):
                _file(file, reading)
        if not files:
            raise DataError(f"{path} has no JSON file; expected LabelMe's, one per film")
        return reading.markings("Expected LabelMe's files, one per film.")

    def write(self, films: Sequence[MarkedFilm], path: Path) -> None:
        """A file per film below a folder."""
        for film in films:
            shapes = []
            for group, mark in enumerate(film.marks):
                shapes += _written(mark, group)
            content: dict[str, Any] = {
                "version": "5.5.0",
                "flags": {},
                "shapes": shapes,
                "imagePath": film.name,
                "imageData": None,
                "imageHeight": film.size[0] if film.size else None,
                "imageWidth": film.size[1] if film.size else None,
            }
            place_for(path, film.name, ".json").write_text(json.dumps(content, indent=1), "utf-8")


def _file(file: Path, reading: Reading) -> None:
    content = read_json(file)
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        raise DataError("no file of LabelMe: expected shapes and imagePath")
    size = size_of(content.get("imageHeight"), content.get("imageWidth"))
    film = reading.film(content.get("imagePath") or file.stem, size, reading.beside.reader)
    groups: dict[tuple[Any, str], list[Shape]] = {}
    for count, item in enumerate(content["shapes"]):
        with reading.item(f"{film}, shape {count}"):
            if not isinstance(item, dict):
                raise DataError(f"found {item!r:.60}, expected an object")
            finding = reading.finding(item.get("label"))
            group = item.get("group_id")
            # What has no group is a thing of its own.
            key = (f"shape {count}" if group is None else str(group), finding)
            groups.setdefault(key, []).append(_shape(item, film, reading))
    for (_, finding), shapes in groups.items():
        outlines = [shape for shape in shapes if isinstance(shape, Outline)]
        if len(outlines) == len(shapes) > 1:
            together = Outline(tuple(c for shape in outlines for c in shape.contours), size)
            reading.add(film, Mark(finding, together, reading.beside.reader))
            continue
        for shape in shapes:
            reading.add(film, Mark(finding, shape, reading.beside.reader))


def _shape(item: dict[str, Any], film: str, reading: Reading) -> Shape:
    kind = item.get("shape_type", "polygon")
    points = points_of(item.get("points"))
    if kind in ("polygon", "oriented_rectangle", "rotation"):
        return polygon(points)
    if kind in ("point", "points") and points:
        return Points(points)
    if kind in ("line", "linestrip"):
        raise StrayError(f"a line of {len(points)} points, which encloses nothing")
    if kind == "rectangle" and len(points) == 4:  # noqa: PLR2004 - all corners
        xs, ys = zip(*points, strict=True)
        return box(min(xs), min(ys), max(xs), max(ys))
    if kind in ("rectangle", "circle", "mask") and len(points) == _PAIR:
        (x0, y0), (x1, y1) = points
        if kind == "circle":
            return ellipse(x0, y0, *[hypot(x1 - x0, y1 - y0)] * 2)
        if kind == "rectangle":
            return box(x0, y0, x1, y1)
        return _pasted(item.get("mask"), int(x0), int(y0), reading.size(film))
    raise DataError(f"shape_type {kind!r:.60} of {len(points)} points, which LabelMe has not")


def _pasted(text: Any, x: int, y: int, size: Size) -> RLE:
    """A mask of the whole film from a PNG of a part of it."""
    try:
        data = base64.b64decode(text, validate=True)
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            if image.width > size[1] or image.height > size[0]:
                raise DataError(f"a mask of {image.height} x {image.width}, larger than the film")
            part = np.asarray(image.convert("L")) > 0
    except (TypeError, ValueError, OSError, SyntaxError, binascii.Error) as error:
        raise DataError(f"a mask that is no PNG in base64: {error}") from error
    height, width = part.shape
    if not (0 <= x <= size[1] - width and 0 <= y <= size[0] - height):
        raise DataError(f"a mask of {height} x {width} at {x}, {y}, which leaves the film")
    mask = np.zeros(size, bool)
    mask[y : y + height, x : x + width] = part
    return encode(mask, 1)


def _written(mark: Mark, group: int) -> list[dict[str, Any]]:
    base: dict[str, Any] = {"label": mark.finding, "group_id": None, "description": "", "flags": {}}
    match mark.shape:
        case Boxes(((x0, y0, x1, y1),)):
            return [base | {"shape_type": "rectangle", "points": [[x0, y0], [x1, y1]]}]
        case Points(((x, y),)):
            return [base | {"shape_type": "point", "points": [[x, y]]}]
        case Outline(contours):
            together = {"group_id": group} if len(contours) > 1 else {}
            return [
                base | together | {"shape_type": "polygon", "points": [[*xy] for xy in contour]}
                for contour in contours
            ]
        case RLE((height, width)) as shape:
            mask = shape.mask(height, width)
            rows, columns = np.nonzero(mask)
            if not len(rows):
                return []
            y0, y1, x0, x1 = (
                int(n) for n in (rows.min(), rows.max(), columns.min(), columns.max())
            )
            file = io.BytesIO()
            Image.fromarray(mask[y0 : y1 + 1, x0 : x1 + 1]).save(file, "PNG")
            text = base64.b64encode(file.getvalue()).decode("ascii")
            return [base | {"shape_type": "mask", "points": [[x0, y0], [x1, y1]], "mask": text}]
    raise TypeError(mark.shape)
