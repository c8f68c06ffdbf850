"""COCO annotation files: one JSON with images, categories and annotations.

An annotation is one instance: a polygon (of one or more contours), run lengths (compressed or
plain) or, where it has no segmentation, its box ``[x, y, width, height]``.  Polygons are filled
by the rules of ``heatproof.data.annotations``, which include the outline; COCO's own rasterizer can
differ by pixels of the outline.

Source: https://cocodataset.org/#format-data.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from pycocotools import mask as coco

from heatproof.data.annotations import RLE, Boxes, Polygons
from heatproof.data.tabular import read_json
from heatproof.errors import DataError, near_misses
from heatproof.types import Shape

_BRIEF = 60  # letters of a value in a message
_SINGULAR = {"images": "image", "categories": "category", "annotations": "annotation"}


def read_coco(path: Path) -> dict[str, dict[str, tuple[Shape, ...]]]:
    """Shapes by file name and finding; an image without annotations is there, without a finding.

    Raises:
        DataError: The file is missing or malformed.
    """
    content = read_json(path)
    if (
        not isinstance(content, dict)
        or not {"images", "annotations", "categories"} <= content.keys()
    ):
        raise DataError(f"{path} is no COCO file: expected images, annotations and categories")
    images = {
        key: _Image(str(entry["file_name"]), _size(entry, where))
        for key, entry, where in _listed(content, "images", "file_name", path)
    }
    categories = {
        key: str(entry["name"]) for key, entry, _ in _listed(content, "categories", "name", path)
    }
    shapes: dict[str, defaultdict[str, list[Shape]]] = {
        image.name: defaultdict(list) for image in images.values()
    }
    for where, annotation in _entries(content, "annotations", path):
        image = _known(annotation, "image_id", images, where)
        finding = _known(annotation, "category_id", categories, where)
        shapes[image.name][finding].append(_shape(annotation, image.size, where))
    return {
        name: {finding: tuple(drawn) for finding, drawn in findings.items()}
        for name, findings in shapes.items()
    }


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
        raise DataError(f"{path}: {kind} is {_brief(entries)}, expected a list")
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise DataError(
                f"{path}, number {number} of {kind}: found {_brief(entry)}, expected an object"
            )
        yield f"{path}, {_SINGULAR[kind]} {entry.get('id', f'number {number}')}", entry


def _listed(
    content: Mapping[str, Any], kind: str, named: str, path: Path
) -> Iterator[tuple[Any, Mapping[str, Any], str]]:
    """Entries by their id, each once; raises DataError for one without an id or a name."""
    seen = set()
    for where, entry in _entries(content, kind, path):
        key = entry.get("id")
        if not isinstance(key, int | str) or named not in entry:
            raise DataError(f"{where}: expected an id, a number or a text, and {named}")
        if key in seen:
            raise DataError(
                f"{where}: two of {kind} have the id {key!r}; annotations could be of either"
            )
        seen.add(key)
        yield key, entry, where


def _size(image: Mapping[str, Any], where: str) -> tuple[int, int] | None:
    """Height and width, where the file gives both."""
    height, width = image.get("height"), image.get("width")
    if height is None and width is None:
        return None
    if not (isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0):
        raise DataError(
            f"{where}: height {_brief(height)} and width {_brief(width)}, expected pixels, or"
            " neither of them"
        )
    return height, width


def _known(annotation: Mapping[str, Any], key: str, listed: Mapping[Any, Any], where: str) -> Any:
    value = annotation.get(key)
    # A list or dict has no hash, so looking it up would raise a TypeError.
    if isinstance(value, list | dict) or value not in listed:
        raise DataError(
            f"{where}: {key} {value!r} is not listed; {near_misses(str(value), map(str, listed))}"
        )
    return listed[value]


def _shape(annotation: Mapping[str, Any], size: tuple[int, int] | None, where: str) -> Shape:
    try:
        match annotation.get("segmentation"):
            case {"size": [int(height), int(width)], "counts": str(counts)}:
                return RLE((height, width), counts, 1)
            case {"size": [int(height), int(width)], "counts": list(counts)}:
                return RLE((height, width), _compressed(counts, height, width), 1)
            case [*polygons] if polygons:
                # ``strict`` refuses an odd number of coordinates, whose last ``zip`` would drop.
                pairs = (zip(flat[::2], flat[1::2], strict=True) for flat in polygons)
                contours = tuple(tuple((float(x), float(y)) for x, y in pair) for pair in pairs)
                return Polygons(contours, size, 1)
            case nothing if not nothing:
                return Boxes((_corners(annotation["bbox"]),), size)
            case other:
                raise ValueError(f"segmentation is {_brief(other)}")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"{where}: neither polygons [[x, y, x, y, ...]], nor run lengths, nor a bbox"
            f" [x, y, width, height] ({type(error).__name__}: {error})"
        ) from error


def _corners(bbox: Any) -> tuple[float, float, float, float]:
    x, y, width, height = (float(number) for number in bbox)
    if not all(map(isfinite, (x, y, width, height))):
        raise ValueError(f"bbox {bbox} has a number missing")
    if not (width > 0 and height > 0):
        raise ValueError(
            f"bbox {bbox} has width {width:g} and height {height:g}; was it written as corners?"
        )
    return x, y, x + width, y + height


def _compressed(counts: list[Any], height: int, width: int) -> str:
    if not all(isinstance(count, int) and count >= 0 for count in counts):
        raise ValueError("counts must be whole numbers, none of them below 0")
    if sum(counts) != height * width:
        raise ValueError(f"counts add up to {sum(counts)}, not {height} x {width}")
    plain = {"size": [height, width], "counts": counts}
    return str(coco.frPyObjects(plain, height, width)["counts"].decode("ascii"))


def _brief(value: object) -> str:
    """A value as a message can hold it."""
    text = repr(value)
    return text if len(text) <= _BRIEF else f"{text[:_BRIEF]}..."
