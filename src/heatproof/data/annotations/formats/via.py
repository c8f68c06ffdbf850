"""VGG Image Annotator (VIA 2): its CSV export, its JSON export, and its project file.

The CSV has a row per region, with JSON in its cells: ``filename, file_size, file_attributes,
region_count, region_id, region_shape_attributes, region_attributes``.  The JSON has an object per
film with ``filename``, ``regions`` and ``file_attributes``; a project file has it under
``_via_img_metadata``.  A film without a region is one that the reader looked at and drew nothing.

Rectangles are half-open; polygons are filled as COCO's tools fill them, whether convex or not;
circles and ellipses become polygons of 72 points; lines are strays.  What is marked is the region
attribute ``finding`` or, where there is none, the one region attribute that the file has.  The
attribute ``reader`` says who drew it.

Source: https://www.robots.ox.ac.uk/~vgg/software/via/.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

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
    ellipse,
    json_of,
    number,
    point,
    polygon,
)
from heatproof.data.annotations.shapes import Boxes, Outline, Points, Several
from heatproof.data.tabular import TableRow, read_json, read_rows
from heatproof.data.tabular.problems import Problems
from heatproof.errors import DataError
from heatproof.types import REFERENCE, Shape

COLUMNS = (
    "filename",
    "file_size",
    "file_attributes",
    "region_count",
    "region_id",
    "region_shape_attributes",
    "region_attributes",
)
_EXPECTED = (
    'expected JSON such as {"name": "rect", "x": 1, "y": 2, "width": 3, "height": 4},'
    ' {"name": "polygon", "all_points_x": [...], "all_points_y": [...]} of three points or more,'
    " or {} where nothing was drawn"
)
_SHAPE = "region_shape_attributes"


@dataclass(frozen=True)
class Region:
    """What was drawn in one row, with what was written beside it.

    Attributes:
        shape: None where nothing was drawn.
        attributes: Those of the file, and those of the region, which come first.
    """

    shape: Shape | None
    attributes: Mapping[str, str]


@formats.register("via")
@dataclass(frozen=True)
class Via:
    """VIA's CSV, or its JSON where the file ends in ``.json``.

    Attributes:
        attribute: The region attribute that says what is marked; found out unless told.
    """

    attribute: str | None = None
    holds: ClassVar[Holds] = Holds(frozenset({"boxes", "polygons", "points"}), readers=True)

    def recognizes(self, path: Path) -> bool:
        """By its columns, or by the regions of its films."""
        if path.suffix.lower() == ".csv":
            try:
                return _SHAPE in read_rows(path)[0].values
            except DataError:
                return False
        return _films(json_of(path)) is not None

    def read(self, path: Path, beside: Beside) -> Markings:
        """The regions of each film."""
        reading = Reading(path, beside)
        items = list(_json_items(path) if path.suffix.lower() == ".json" else _rows(reading))
        attribute = self.attribute or _naming(items)
        for place, name, drawn, attributes in items:
            with reading.item(place):
                film = reading.film(name)
                if drawn == {}:
                    reading.film(film, None, attributes.get("reader") or beside.reader)
                    continue
                mark = Mark(
                    reading.finding(attributes.get(attribute) if attribute else None),
                    shape_of(drawn),
                    attributes.get("reader") or beside.reader,
                )
                reading.add(film, mark)
        return reading.markings("Expected an export of the VGG Image Annotator.")

    def write(self, films: Sequence[MarkedFilm], path: Path) -> None:
        """A row or an object per film and region."""
        if path.suffix.lower() == ".json":
            content = {f"{film.name}-1": _written(film) for film in films}
            path.write_text(json.dumps(content, indent=1), encoding="utf-8")
            return
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(COLUMNS)
            for film in films:
                regions = _written(film)["regions"] or [
                    {"shape_attributes": {}, "region_attributes": {}}
                ]
                count = len(film.marks)
                for place, region in enumerate(regions):
                    cells = (region["shape_attributes"], region["region_attributes"])
                    table.writerow((film.name, -1, "{}", count, place, *map(json.dumps, cells)))


def read_via(path: Path) -> dict[str, tuple[Region, ...]]:
    """The regions of each file of a CSV that a reader looked at, by its name.

    Raises:
        DataError: The table is not VIA's; all problems are listed.
    """
    regions: dict[str, tuple[Region, ...]] = {}
    problems = Problems()
    for row in read_rows(path):
        with problems.noted():
            item = _row(row)
            try:
                shape = shape_of(item.drawn) if item.drawn else None
            except DataError as error:
                raise row.wrong(_SHAPE, _EXPECTED.removeprefix("expected ")) from error
            regions[item.film] = (*regions.get(item.film, ()), Region(shape, item.attributes))
    problems.refuse(path, "Expected the CSV export of the VGG Image Annotator, rects and polygons.")
    return regions


def drawn(regions: tuple[Region, ...]) -> Shape | None:
    """Everything that was drawn in one file, as one shape; None where that is nothing."""
    shapes = [region.shape for region in regions if region.shape is not None]
    if len(shapes) > 1:
        return Several(tuple(shapes))
    return shapes[0] if shapes else None


class _Item(NamedTuple):
    """A region, or a film without one."""

    place: str
    film: str
    drawn: dict[str, Any]
    attributes: dict[str, str]


def _row(row: TableRow) -> _Item:
    attributes = _json(row, "file_attributes") | _json(row, "region_attributes")
    return _Item(f"line {row.line}", row["filename"], _json(row, _SHAPE), _texts(attributes))


def _rows(reading: Reading) -> Iterator[_Item]:
    for row in read_rows(reading.path):
        with reading.problems.noted():
            yield _row(row)


def _json(row: TableRow, column: str) -> dict[str, Any]:
    try:
        value = json.loads(row[column] or "{}")
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise row.wrong(column, "a JSON object, such as {}")
    return value


def _films(content: Any) -> dict[str, Any] | None:
    """The films of an export or a project by key; None where it is neither."""
    if isinstance(content, dict):
        films = content.get("_via_img_metadata", content)
        if isinstance(films, dict) and (films or films is not content):
            first = next(iter(films.values()), {"filename": "", "regions": []})
            if isinstance(first, dict) and {"filename", "regions"} <= first.keys():
                return films
    return None


def _json_items(path: Path) -> Iterator[_Item]:
    films = _films(read_json(path))
    if films is None:
        raise DataError(f"{path} is no export of VIA: expected films with filename and regions")
    for key, film in films.items():
        name = film.get("filename") if isinstance(film, dict) else None
        regions = film.get("regions") if isinstance(film, dict) else None
        # Version 1 wrote an object with a number for each region.
        regions = [*regions.values()] if isinstance(regions, dict) else regions
        if not isinstance(name, str) or not isinstance(regions, list):
            raise DataError(f"{path}, {key}: expected filename and regions")
        of_film = film.get("file_attributes")
        of_film = of_film if isinstance(of_film, dict) else {}
        for place, region in enumerate(regions or [{}]):
            shape, said = (
                region.get(part, {}) if isinstance(region, dict) else None
                for part in (_SHAPE, "region_attributes")
            )
            # Projects drop the prefix that the CSV has.
            shape = region.get("shape_attributes", shape) if isinstance(region, dict) else None
            if not isinstance(shape, dict) or not isinstance(said, dict):
                raise DataError(f"{path}, {name}, region {place}: expected shape_attributes")
            yield _Item(f"{name}, region {place}", name, shape, _texts(of_film | said))


def _texts(attributes: dict[str, Any]) -> dict[str, str]:
    """Attributes as text; of a checkbox, the names of what is ticked."""
    return {
        key: ", ".join(name for name, ticked in value.items() if ticked)
        if isinstance(value, dict)
        else str(value).strip()
        for key, value in attributes.items()
    }


def _naming(items: Sequence[_Item]) -> str | None:
    """The attribute that says what is marked, if the file says so."""
    names = {name for item in items if item.drawn for name in item.attributes}
    if "finding" in names:
        return "finding"
    names.discard("reader")
    if len(names) > 1:
        raise DataError(
            f"regions have the attributes {', '.join(sorted(names))}: which says what is marked?"
            f' Say --from "via(attribute={min(names)!r})"'
        )
    return next(iter(names), None)


def shape_of(drawn: dict[str, Any]) -> Shape:
    """The shape of a region; raises DataError, or StrayError where it encloses nothing."""
    kind = drawn.get("name")

    def of(*keys: str) -> list[float]:
        return [number(drawn.get(key), key) for key in keys]

    if kind == "rect":
        x, y, width, height = of("x", "y", "width", "height")
        if min(width, height) < 0:
            raise DataError(f"width {width:g} and height {height:g}, expected none below 0")
        return box(x, y, x + width, y + height)
    if kind in ("polygon", "polyline"):
        xs, ys = drawn.get("all_points_x"), drawn.get("all_points_y")
        if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys):
            raise DataError(f"a {kind} without as many all_points_x as all_points_y")
        points = [(number(x, "x"), number(y, "y")) for x, y in zip(xs, ys, strict=True)]
        if kind == "polyline":
            raise StrayError(f"a line of {len(points)} points, which encloses nothing")
        return polygon(points)
    if kind == "point":
        return point(*of("cx", "cy"))
    if kind == "circle":
        x, y, radius = of("cx", "cy", "r")
        return ellipse(x, y, radius, radius)
    if kind == "ellipse":
        x, y, across, down = of("cx", "cy", "rx", "ry")
        return ellipse(x, y, across, down, number(drawn.get("theta", 0), "theta"))
    raise DataError(f"shape {kind!r:.60}, {_EXPECTED}")


def _written(film: MarkedFilm) -> dict[str, Any]:
    regions = []
    for mark in film.marks:
        said = {"finding": mark.finding}
        if mark.reader != REFERENCE:
            said["reader"] = mark.reader
        regions.append({"shape_attributes": _drawn(mark.shape), "region_attributes": said})
    return {"filename": film.name, "size": -1, "regions": regions, "file_attributes": {}}


def _drawn(shape: Shape) -> dict[str, Any]:
    match shape:
        case Boxes(((x0, y0, x1, y1),)):
            return {"name": "rect", "x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0}
        case Points(((x, y),)):
            return {"name": "point", "cx": x, "cy": y}
        case Outline((contour,)):
            xs, ys = zip(*contour, strict=True)
            return {"name": "polygon", "all_points_x": [*xs], "all_points_y": [*ys]}
    raise TypeError(shape)
