"""VGG Image Annotator: its CSV export, one row per region, JSON inside the cells.

Columns are ``filename, file_size, file_attributes, region_count, region_id,
region_shape_attributes, region_attributes``.  A file without a region has one row whose shape is
``{}``: the reader looked at it and drew nothing.  Rectangles are half-open; polygons are filled as
COCO's tools fill them, whether convex or not.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heatproof.data.annotations.shapes import Boxes, Outline, Several
from heatproof.data.problems import Problems
from heatproof.data.tabular import TableRow, read_rows
from heatproof.types import Shape

_SHAPE = "region_shape_attributes"
_EXPECTED = (
    'JSON such as {"name": "rect", "x": 1, "y": 2, "width": 3, "height": 4},'
    ' {"name": "polygon", "all_points_x": [...], "all_points_y": [...]} of three points or more,'
    " or {} where nothing was drawn"
)
_FEWEST = 3  # points of a polygon


@dataclass(frozen=True)
class Region:
    """What was drawn in one row, with what was written beside it.

    Attributes:
        shape: None where nothing was drawn.
        attributes: Those of the file, and those of the region, which come first.
    """

    shape: Shape | None
    attributes: Mapping[str, str]


def read_via(path: Path) -> dict[str, tuple[Region, ...]]:
    """The regions of each file that a reader looked at, by its name.

    Raises:
        DataError: The table is not VIA's; all problems are listed.
    """
    regions: dict[str, tuple[Region, ...]] = {}
    problems = Problems()
    for row in read_rows(path):
        with problems.noted():
            name = row["filename"]
            attributes = _json(row, "file_attributes") | _json(row, "region_attributes")
            written = {key: str(value).strip() for key, value in attributes.items()}
            regions[name] = (*regions.get(name, ()), Region(_shape(row), written))
    problems.refuse(path, "Expected the CSV export of the VGG Image Annotator, rects and polygons.")
    return regions


def drawn(regions: tuple[Region, ...]) -> Shape | None:
    """Everything that was drawn in one file, as one shape; None where that is nothing."""
    shapes = [region.shape for region in regions if region.shape is not None]
    if len(shapes) > 1:
        return Several(tuple(shapes))
    return shapes[0] if shapes else None


def _json(row: TableRow, column: str) -> dict[str, Any]:
    try:
        value = json.loads(row[column] or "{}")
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise row.wrong(column, "a JSON object, such as {}")
    return value


def _shape(row: TableRow) -> Shape | None:
    shape = _json(row, _SHAPE)
    if not shape:
        return None
    match shape:
        case {"name": "rect", "x": x, "y": y, "width": width, "height": height}:
            numbers = (x, y, width, height)
            if all(map(_is_number, numbers)) and width > 0 and height > 0:
                return Boxes(((x, y, x + width, y + height),))
        case {"name": "polygon", "all_points_x": [*xs], "all_points_y": [*ys]}:
            if len(xs) == len(ys) >= _FEWEST and all(map(_is_number, (*xs, *ys))):
                return Outline((tuple(zip(xs, ys, strict=True)),))
    raise row.wrong(_SHAPE, _EXPECTED)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
