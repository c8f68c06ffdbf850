"""MD.ai: the JSON export of a project.

``labelGroups`` name labels; ``datasets`` hold ``annotations``, each with the ``labelId``, the
``SOPInstanceUID`` of its film, ``createdById`` (the reader) and ``data``, whose keys tell the mode:
``x, y, width, height`` (bbox), ``vertices`` (polygon, freeform, line), ``x, y`` (location), or
``foreground`` and ``background`` contours (mask), whose background is cut out of the foreground.
An annotation without data is a label of the whole film, series or study: whoever gave it looked at
the film.

Films are named by their SOPInstanceUID.  Source: https://docs.md.ai/annotator/data/json/;
https://github.com/mdai/mdai-client-py (``visualize.load_mask``).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from heatproof.data.annotations.formats import formats
from heatproof.data.annotations.holding import Holds
from heatproof.data.annotations.marks import (
    Beside,
    Mark,
    MarkedFilm,
    Markings,
    Reading,
    StrayError,
    box,
    json_of,
    number,
    point,
    points_of,
    polygon,
    size_of,
)
from heatproof.data.annotations.shapes import Boxes, Outline, Points
from heatproof.data.tabular import read_json
from heatproof.errors import DataError
from heatproof.types import REFERENCE, Shape

_LINE = "line"


@dataclass(frozen=True)
class _Label:
    name: str
    mode: str


@formats.register("mdai")
@dataclass(frozen=True)
class MdAi:
    """MD.ai's JSON, with a reader for each annotation."""

    holds: ClassVar[Holds] = Holds(
        frozenset({"boxes", "polygons", "points"}),
        parts=True,
        holes=True,
        readers=True,
        lookers=True,
        sizes=True,
    )

    def recognizes(self, path: Path) -> bool:
        """By its label groups."""
        content = json_of(path)
        return isinstance(content, dict) and {"labelGroups", "datasets"} <= content.keys()

    def read(self, path: Path, beside: Beside) -> Markings:
        """The annotations of every data set of the project."""
        content = read_json(path)
        reading = Reading(path, beside)
        labels = dict(_labels(content, reading))
        for place, annotation in _annotations(content, reading):
            with reading.item(place):
                if annotation.get("labelId") not in labels:
                    raise DataError(f"labelId {annotation.get('labelId')!r:.60} is not listed")
                label = labels[annotation["labelId"]]
                said = annotation.get("SOPInstanceUID")
                data = annotation.get("data")
                if not data and not said:
                    continue  # a label of a whole study or series
                reader = str(annotation.get("createdById") or beside.reader)
                size = size_of(annotation.get("height"), annotation.get("width"))
                film = reading.film(said, size, reader)
                if data:
                    reading.add(film, Mark(label.name, _shape(data, label.mode, size), reader))
        return reading.markings("Expected MD.ai's export as JSON.")

    def write(self, films: Sequence[MarkedFilm], path: Path) -> None:
        """One data set; ids are counted, since those of MD.ai are its own."""
        modes = {(mark.finding, _mode(mark.shape)) for film in films for mark in film.marks}
        ids = {pair: f"L_{number:06d}" for number, pair in enumerate(sorted(modes), 1)}
        labels = [
            {"id": ids[name, mode], "name": name, "annotationMode": mode, "type": "LOCAL",
             "scope": "INSTANCE"}
            for name, mode in sorted(modes)
        ]  # fmt: skip
        empty = {"id": "L_000000", "name": "nothing marked", "type": "GLOBAL", "scope": "INSTANCE"}
        annotations: list[dict[str, Any]] = []
        for film in films:
            sides = {"height": film.size[0], "width": film.size[1]} if film.size else {}
            marked = {mark.reader for mark in film.marks}
            for reader in [r for r in film.readers or (REFERENCE,) if r not in marked]:
                annotations.append(_entry(annotations, film, reader, "L_000000", None, sides))
            for mark in film.marks:
                label = ids[mark.finding, _mode(mark.shape)]
                data = _data(mark.shape)
                annotations.append(_entry(annotations, film, mark.reader, label, data, sides))
        content = {
            "id": "heatproof",
            "name": path.stem,
            "labelGroups": [{"id": "G_1", "name": "findings", "labels": [empty, *labels]}],
            "datasets": [{"id": "D_1", "name": path.stem, "annotations": annotations}],
        }
        path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def _listed(holder: Any, key: str, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each object of a list, with its place in the file; raises DataError."""
    items = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(items, list):
        raise DataError(f"{place}: expected a list {key}")
    for count, item in enumerate(items):
        if not isinstance(item, dict):
            raise DataError(f"{place}, number {count} of {key}: found {item!r:.60}")
        yield f"{place}, {key} {item.get('id', count)}", item


def _labels(content: Any, reading: Reading) -> Iterator[tuple[str, _Label]]:
    for place, group in _listed(content, "labelGroups", str(reading.path)):
        for where, label in _listed(group, "labels", place):
            name, key = label.get("name"), label.get("id")
            if not isinstance(name, str) or not isinstance(key, str):
                raise DataError(f"{where}: expected an id and a name")
            yield key, _Label(name.strip(), str(label.get("annotationMode")))


def _annotations(content: Any, reading: Reading) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for place, dataset in _listed(content, "datasets", str(reading.path)):
        yield from _listed(dataset, "annotations", place)


def _shape(data: Any, mode: str, size: tuple[int, int] | None) -> Shape:
    match data:
        case {"foreground": list() as inside}:
            contours = [polygon(points_of(ring)).contours[0] for ring in inside]
            cut = data.get("background") or []
            if not isinstance(cut, list):
                raise DataError(f"background {cut!r:.60}, expected contours")
            holes = [polygon(points_of(ring)).contours[0] for ring in cut]
            if not contours:
                raise StrayError("a mask without a contour")
            return Outline(tuple(contours), size, tuple(holes))
        case {"vertices": vertices}:
            points = points_of(vertices)
            if mode == _LINE:
                raise StrayError(f"a line of {len(points)} points, which encloses nothing")
            return polygon(points, size)
        case {"x": x, "y": y, "width": width, "height": height}:
            left, top = number(x, "x"), number(y, "y")
            return box(left, top, left + number(width, "width"), top + number(height, "height"))
        case {"x": x, "y": y}:
            return point(number(x, "x"), number(y, "y"))
    raise DataError(f"data {data!r:.60}, expected a box, vertices, a location or a mask")


def _mode(shape: Shape) -> str:
    match shape:
        case Boxes():
            return "bbox"
        case Points():
            return "location"
        case Outline((_,), _, ()):
            return "polygon"
    return "mask"


def _data(shape: Shape) -> dict[str, Any]:
    match shape:
        case Boxes(((x0, y0, x1, y1),)):
            return {"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0}
        case Points(((x, y),)):
            return {"x": x, "y": y}
        case Outline((contour,), _, ()):
            return {"vertices": [[*xy] for xy in contour]}
        case Outline(contours, _, holes):
            rings = [[[[*xy] for xy in ring] for ring in rings] for rings in (contours, holes)]
            return {"foreground": rings[0], "background": rings[1]}
    raise TypeError(shape)


def _entry(
    before: Sequence[Any],
    film: MarkedFilm,
    reader: str,
    label: str,
    data: dict[str, Any] | None,
    sides: Mapping[str, int],
) -> dict[str, Any]:
    return {
        "id": f"A_{len(before) + 1:06d}",
        "labelId": label,
        "SOPInstanceUID": film.name,
        "createdById": reader,
        "data": data,
        **sides,
    }
