"""Label Studio: its JSON export, a list of tasks.

A task has a film (``data``), ``annotations`` by people (``completed_by``) and ``predictions`` by
programs (``model_version``, ``score``).  Each has results, whose coordinates are percents of
``original_width`` and ``original_height``.  A rectangle is turned about its *top left corner*,
clockwise by ``rotation`` degrees.  Brushes are run lengths of their own (``rle_pack``); ellipses
become polygons of 72 points.  An annotation without a result is a reader who drew nothing; a
cancelled one (skipped) counts as none.

Films are named by the last part of their address, without the eight letters that Label Studio puts
before the names of files that are uploaded.  Source: https://labelstud.io/guide/export.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import cos, radians, sin
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

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
    number,
    point,
    points_of,
    polygon,
    size_of,
)
from heatproof.data.annotations.rle_pack import packed, unpacked
from heatproof.data.annotations.shapes import RLE, Boxes, Outline, Points, RotatedBox, encode
from heatproof.data.tabular import read_json
from heatproof.errors import DataError
from heatproof.types import Shape

_UPLOADED = re.compile(r"[0-9a-f]{8}-(.+)")
_NAMES = ("rectanglelabels", "polygonlabels", "keypointlabels", "ellipselabels", "brushlabels")
_WHOLE = ("choices", "taxonomy", "textarea", "rating", "labels", "number")  # of the whole film


@formats.register("label_studio")
@dataclass(frozen=True)
class LabelStudio:
    """Label Studio's JSON, with a reader for each annotation.

    Attributes:
        image: The key of ``data`` that holds the film; the only one, or one that is an address of
            a picture, unless told.
    """

    image: str | None = None
    holds: ClassVar[Holds] = Holds(
        frozenset({"boxes", "rotated boxes", "polygons", "masks", "points"}),
        readers=True,
        lookers=True,
        scores=True,
        sizes=True,
        needs_size=True,
        precision="percents of the sides, to 15 digits",
    )

    def recognizes(self, path: Path) -> bool:
        """By the first task."""
        content = json_of(path)
        first = content[0] if isinstance(content, list) and content else None
        return (
            isinstance(first, dict)
            and "data" in first
            and ("annotations" in first or "predictions" in first)
        )

    def read(self, path: Path, beside: Beside) -> Markings:
        """The results of each task."""
        content = read_json(path)
        if not isinstance(content, list):
            raise DataError(f"{path} is no export of Label Studio: expected a list of tasks")
        reading = Reading(path, beside)
        for count, task in enumerate(content):
            if not isinstance(task, dict):
                reading.problems.note(f"{path}, task number {count}: found {task!r:.60}")
                continue
            place = f"task {task.get('id', count)}"
            with reading.item(place):
                film = reading.film(self._film(task.get("data")))
                for reader, score, entry in _entries(task, beside):
                    reading.film(film, None, reader)
                    results = entry.get("result")
                    if not isinstance(results, list):
                        raise DataError(f"result {results!r:.60}, expected a list")
                    for number_, result in enumerate(results):
                        with reading.item(f"{place}, result {number_}"):
                            _result(result, film, reader, score, reading)
        return reading.markings("Expected Label Studio's export as JSON.")

    def _film(self, data: Any) -> str:
        if not isinstance(data, dict):
            raise DataError(f"data {data!r:.60}, expected an object with the film")
        addresses = {key: value for key, value in data.items() if isinstance(value, str)}
        key = self.image or next(
            (key for key in ("image", "img", "film") if key in addresses), next(iter(addresses), "")
        )
        if key not in addresses:
            raise DataError(f"data has no text {key!r}; name the key of the film, (image='...')")
        return _name(addresses[key])

    def write(self, films: Sequence[MarkedFilm], path: Path) -> None:
        """A task per film, an annotation per reader."""
        tasks = []
        for task, film in enumerate(films, 1):
            marked = [mark.reader for mark in film.marks if mark.score is None]
            programs = {mark.reader for mark in film.marks if mark.score is not None} - {*marked}
            annotations = [
                {
                    "id": place,
                    "completed_by": {"email": reader},
                    "was_cancelled": False,
                    "result": [
                        _written(mark, film, number_)
                        for number_, mark in enumerate(film.marks)
                        if mark.reader == reader and mark.score is None
                    ],
                }
                for place, reader in enumerate(dict.fromkeys((*film.readers, *marked)), 1)
                if reader not in programs
            ]
            predictions = [
                {
                    "model_version": mark.reader,
                    "score": mark.score,
                    "result": [_written(mark, film, number_)],
                }
                for number_, mark in enumerate(film.marks)
                if mark.score is not None
            ]
            tasks.append(
                {
                    "id": task,
                    "data": {"image": film.name},
                    "annotations": annotations,
                    "predictions": predictions,
                }
            )
        path.write_text(json.dumps(tasks, indent=1), encoding="utf-8")


def _name(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise DataError(f"{address!r:.60} is no address of a film") from error
    if not parts.scheme and not address.startswith("/data/"):
        return address  # a path as it is
    local = parse_qs(parts.query).get("d")
    if local:
        return local[0]  # a file of local storage, by its path
    name = PurePosixPath(unquote(parts.path)).name
    uploaded = _UPLOADED.fullmatch(name)
    return uploaded[1] if uploaded else name


def _entries(
    task: Mapping[str, Any], beside: Beside
) -> Iterator[tuple[str, float | None, Mapping[str, Any]]]:
    """Reader, score and entry of what people and programs marked."""
    for kind in ("annotations", "predictions"):
        entries = task.get(kind) or []
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise DataError(f"{kind} {entries!r:.60}, expected a list of objects")
        for entry in entries:
            if entry.get("was_cancelled"):
                continue
            if kind == "predictions":
                score = entry.get("score")
                sure = None if score is None else number(score, "score")
                yield str(entry.get("model_version") or "prediction"), sure, entry
                continue
            who = entry.get("completed_by")
            if isinstance(who, dict):
                who = who.get("email") or who.get("id")
            yield str(who) if who is not None else beside.reader, None, entry


def _result(result: Any, film: str, reader: str, score: float | None, reading: Reading) -> None:
    value = result.get("value") if isinstance(result, dict) else None
    if not isinstance(value, dict):
        raise DataError(f"{result!r:.60}, expected an object with a value")
    if any(key in value for key in _WHOLE) or result.get("type") in _WHOLE:
        return  # said of the whole film, and no mark
    if result.get("image_rotation") not in (None, 0):
        raise StrayError(
            f"drawn on a picture that was turned by {result['image_rotation']} degrees"
        )
    size = size_of(result.get("original_height"), result.get("original_width"))
    reading.film(film, size)
    size = size or reading.size(film)
    names = next((value[key] for key in _NAMES if key in value), None)
    findings = names if isinstance(names, list) and names else [None]
    for said in findings:
        shape = _shape(value, size)
        reading.add(film, Mark(reading.finding(said), shape, reader, score))


def _shape(value: Mapping[str, Any], size: Size) -> Shape:
    height, width = size

    def part(key: str, side: int) -> float:
        return _rounded(number(value.get(key), key) * side / 100)

    if "rle" in value:
        return encode(unpacked(value["rle"], height, width), 1)
    if "points" in value:
        flat = points_of(value["points"])
        return polygon(
            ((_rounded(x * width / 100), _rounded(y * height / 100)) for x, y in flat), size
        )
    x, y = part("x", width), part("y", height)
    degrees = number(value.get("rotation", 0), "rotation") % 360
    if "radiusX" in value:
        return ellipse(x, y, part("radiusX", width), part("radiusY", height), radians(degrees))
    if "keypointlabels" in value or "height" not in value:
        return point(x, y)
    across, down = part("width", width), part("height", height)
    if not degrees:
        return box(x, y, x + across, y + down)
    if min(across, down) <= 0:
        raise StrayError("a box without an area")
    along, up = cos(radians(degrees)), sin(radians(degrees))
    column = _rounded(x + across / 2 * along - down / 2 * up)
    row = _rounded(y + across / 2 * up + down / 2 * along)
    return RotatedBox(column, row, across, down, degrees)


def _rounded(value: float | int) -> float:
    """Percents of whole pixels are whole pixels again."""
    return round(value, 9)


def _written(mark: Mark, film: MarkedFilm, count: int) -> dict[str, Any]:
    assert film.size is not None
    height, width = film.size
    value, kind = _value(mark.shape, height, width)
    return {
        "id": f"r{count}",
        "type": kind,
        "from_name": kind.removesuffix("labels"),
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": {**value, kind: [mark.finding]},
    }


def _value(shape: Shape, height: int, width: int) -> tuple[dict[str, Any], str]:
    def percents(**pixels: float | int) -> dict[str, float]:
        down = {"y", "height"}
        return {k: 100 * v / (height if k in down else width) for k, v in pixels.items()}

    match shape:
        case Boxes(((x0, y0, x1, y1),)):
            sides = percents(x=x0, y=y0, width=x1 - x0, height=y1 - y0)
            return {**sides, "rotation": 0}, "rectanglelabels"
        case RotatedBox():
            x, y = shape.outline.contours[0][0]
            sides = percents(x=x, y=y, width=shape.width, height=shape.height)
            return {**sides, "rotation": shape.degrees % 360}, "rectanglelabels"
        case Points(((x, y),)):
            return {**percents(x=x, y=y), "width": 0.5}, "keypointlabels"
        case Outline((contour,)):
            points = [[100 * x / width, 100 * y / height] for x, y in contour]
            return {"points": points}, "polygonlabels"
        case RLE():
            return {"format": "rle", "rle": packed(shape.mask(height, width))}, "brushlabels"
    raise TypeError(shape)
