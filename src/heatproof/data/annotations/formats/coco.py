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

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pycocotools import mask as coco

from heatproof.data import spellings
from heatproof.data.annotations.rescaled import Rescaled
from heatproof.data.annotations.shapes import RLE, Boxes, Outline, Polygons, RotatedBox
from heatproof.data.tabular import read_json
from heatproof.errors import DataError, near_misses
from heatproof.types import Shape

_BRIEF = 60  # letters of a value in a message
_SINGULAR = {"images": "image", "categories": "category", "annotations": "annotation"}
Contour = tuple[tuple[float, float], ...]


class Frames(NamedTuple):
    """Height and width of the images that were drawn on, where they are not those of the files.

    Attributes:
        boxes: Of boxes, where the COCO file gives no size.
        masks: Of polygons and run lengths.
    """

    boxes: tuple[int, int] | None = None
    masks: tuple[int, int] | None = None


_NO_FRAMES = Frames()


class Marks(NamedTuple):
    """What a COCO file holds.

    Attributes:
        shapes: By file name and finding; an image without annotations is there, without a finding.
        strays: What was left out and why, by file name; by place in the file where there is none.
    """

    shapes: Mapping[str, Mapping[str, tuple[Shape, ...]]]
    strays: Mapping[str, tuple[str, ...]]


def read_coco(path: Path, frames: Frames = _NO_FRAMES) -> Marks:
    """The shapes and strays of a file.

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
        key: _Image(file_name(entry["file_name"]), _size(entry, where))
        for key, entry, where in _listed(content, "images", "file_name", path)
    }
    categories = {
        key: str(entry["name"]).strip()
        for key, entry, _ in _listed(content, "categories", "name", path)
    }
    shapes: dict[str, defaultdict[str, list[Shape]]] = {
        image.name: defaultdict(list) for image in images.values()
    }
    strays: defaultdict[str, list[str]] = defaultdict(list)
    lost: list[DataError] = []
    for where, annotation in _entries(content, "annotations", path):
        told = where
        try:
            image = _known(annotation, "image_id", images, where)
            told = image.name
            finding = _known(annotation, "category_id", categories, where)
            shape, left_out = _shape(annotation, image.size, frames, where)
        except DataError as error:
            lost.append(error)
            strays[told].append(str(error))
            continue
        shapes[image.name][finding].append(shape)
        strays[image.name] += [f"{where}: {reason}" for reason in left_out]
    if len(lost) > sum(len(drawn) for of_image in shapes.values() for drawn in of_image.values()):
        more = f" (and {len(lost) - 1} more annotations)" if len(lost) > 1 else ""
        raise DataError(f"{lost[0]}{more}") from lost[0]
    return Marks(
        {
            name: {finding: tuple(drawn) for finding, drawn in findings.items()}
            for name, findings in shapes.items()
        },
        {name: tuple(reasons) for name, reasons in strays.items() if reasons},
    )


def file_name(value: object) -> str:
    """The name of a file as tables write it, with slashes and without ``./`` before it."""
    return str(value).strip().replace("\\", "/").removeprefix("./")


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
            f"{where}: height {_brief(image.get('height'))} and width {_brief(image.get('width'))},"
            " expected pixels, or neither of them"
        )
    return height, width


def _known(annotation: Mapping[str, Any], key: str, listed: Mapping[str, Any], where: str) -> Any:
    value = annotation.get(key)
    name = spellings.name(value)
    if name is None or name not in listed:
        raise DataError(f"{where}: {key} {value!r} is not listed; {near_misses(str(name), listed)}")
    return listed[name]


def _shape(
    annotation: Mapping[str, Any], size: tuple[int, int] | None, frames: Frames, where: str
) -> tuple[Shape, list[str]]:
    """What an annotation marks, and what of it was left out; raises DataError."""
    try:
        segmentation = annotation.get("segmentation")
        if isinstance(segmentation, dict):
            return _in_frame(run_lengths(segmentation), frames.masks), []
        if segmentation and not isinstance(segmentation, list):
            raise ValueError(f"segmentation is {_brief(segmentation)}")
        contours, left_out = _contours(segmentation or [])
        angle = _rotation(annotation)
        if contours and not (angle and _is_box(contours, annotation.get("bbox"))):
            # Pixels at the ends of such contours are part of what was drawn.
            of_pixels = _lists_pixels(contours, annotation.get("bbox"))
            drawn = Polygons(contours, size, 1) if of_pixels else Outline(contours, size)
            return _in_frame(drawn, frames.masks), left_out
        if left_out and not annotation.get("bbox"):
            raise ValueError(left_out[0])
        box, frame = _corners(annotation["bbox"]), size or frames.boxes
        left_out = [f"{reason}; its bbox counts" for reason in left_out]
        if not angle:
            return Boxes((box,), frame), left_out
        # A box may be of another resolution than the film, turned or not.
        return _in_frame(_turned(box, angle), frame), left_out
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"{where}: neither polygons [[x, y, x, y, ...]], nor run lengths, nor a bbox"
            f" [x, y, width, height] ({type(error).__name__}: {error})"
        ) from error


def _in_frame(shape: Shape, frame: tuple[int, int] | None) -> Shape:
    return shape if frame is None else Rescaled(shape, frame)


def run_lengths(segmentation: Mapping[str, Any]) -> RLE:
    """The mask of a segmentation by run lengths, compressed or plain; raises ValueError."""
    match segmentation:
        case {"size": [rows, columns], "counts": str() | list() as counts}:
            height, width = spellings.whole(rows), spellings.whole(columns)
            if height is not None and width is not None:
                text = counts if isinstance(counts, str) else _compressed(counts, height, width)
                return RLE((height, width), text, 1)
    raise ValueError(f"segmentation is {_brief(segmentation)}")


def _contours(segmentation: Sequence[Any]) -> tuple[tuple[Contour, ...], list[str]]:
    """The contours that enclose something, and why the others do not."""
    contours, left_out = [], []
    for flat in segmentation:
        # ``strict`` refuses an odd number of coordinates, whose last ``zip`` would drop.
        pairs = zip(flat[::2], flat[1::2], strict=True)
        contour = tuple((float(x), float(y)) for x, y in pairs)
        points = np.array(contour).reshape(-1, 2)
        if not np.isfinite(points).all():
            raise ValueError("a coordinate is missing")
        # Points on one line, or fewer than three, enclose nothing.
        if len(points) and np.linalg.matrix_rank(points - points[0]) > 1:
            contours.append(contour)
        elif contour:
            distinct = len(set(contour))
            what = "1 point" if distinct == 1 else f"{distinct} points on a line"
            left_out.append(f"a contour of {what}, which encloses nothing")
    return tuple(contours), left_out


def _rotation(annotation: Mapping[str, Any]) -> float:
    """By how many degrees a box is turned about its centre, clockwise."""
    attributes = annotation.get("attributes")
    said = attributes if isinstance(attributes, dict) else {}
    for key in ("rotation", "angle", "theta"):
        # Other tools turn a box about its corner, or count the other way round.
        if annotation.get(key) or (key != "rotation" and said.get(key)):
            raise ValueError(
                f"{key} = {annotation.get(key) or said.get(key)!r}, which programs mean in several"
                " ways; write the turned box as a polygon"
            )
    angle = float(said.get("rotation") or 0) % 360
    if not isfinite(angle):
        raise ValueError(f"rotation = {said.get('rotation')!r}, expected degrees")
    return angle


def _turned(box: tuple[float, float, float, float], degrees: float) -> RotatedBox:
    x0, y0, x1, y1 = box
    return RotatedBox((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0, degrees)


def _is_box(contours: Sequence[Contour], bbox: Any) -> bool:
    """Whether the contours only repeat the upright box."""
    box = _beside(bbox)
    if len(contours) != 1 or box is None:
        return False
    x0, y0, x1, y1 = box
    return set(contours[0]) == {(x0, y0), (x1, y0), (x1, y1), (x0, y1)}


def _lists_pixels(contours: Sequence[Contour], bbox: Any) -> bool:
    """Whether contours name the outermost pixels, and not the lines around them.

    So does OpenCV, whose contour of a pixel is a point.  The box beside it then is a pixel larger,
    each way, than the contours are.
    """
    points = np.array([point for contour in contours for point in contour])
    whole = np.array_equal(points, np.round(points))
    return whole and _beside(bbox) == (*points.min(axis=0), *(points.max(axis=0) + 1))


def _beside(bbox: Any) -> tuple[float, float, float, float] | None:
    """The box beside contours, which count without one: some programs leave it empty."""
    try:
        return _corners(bbox)
    except (TypeError, ValueError, OverflowError):
        return None


def _corners(bbox: Any) -> tuple[float, float, float, float]:
    x, y, width, height = (float(number) for number in bbox)
    if not all(map(isfinite, (x, y, width, height))):
        raise ValueError(f"bbox {bbox} has a number missing")
    if not (width > 0 and height > 0):
        raise ValueError(
            f"bbox {bbox} has width {width:g} and height {height:g}; was it written as corners?"
        )
    return x, y, x + width, y + height


def _compressed(counts: Sequence[Any], height: int, width: int) -> str:
    lengths = [spellings.whole(count) for count in counts]
    runs = [length for length in lengths if length is not None and length >= 0]
    if len(runs) < len(lengths):
        raise ValueError("counts must be whole numbers, none of them below 0")
    if sum(runs) != height * width:
        raise ValueError(f"counts add up to {sum(runs)}, not {height} x {width}")
    plain = {"size": [height, width], "counts": runs}
    return str(coco.frPyObjects(plain, height, width)["counts"].decode("ascii"))


def _brief(value: object) -> str:
    """A value as a message can hold it."""
    text = repr(value)
    return text if len(text) <= _BRIEF else f"{text[:_BRIEF]}..."
