"""The shape of one annotation of a COCO file: run lengths, polygons, keypoints or its box.

``formats.coco`` says how they are read.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from pycocotools import mask as coco

from heatproof.data.annotations.rescaled import Rescaled
from heatproof.data.annotations.shapes import RLE, Boxes, Outline, Points, Polygons, RotatedBox
from heatproof.data.tabular import spellings
from heatproof.errors import DataError
from heatproof.types import Shape

_BRIEF = 60  # letters of a value in a message
Contour = tuple[tuple[float, float], ...]


class Frames(NamedTuple):
    """Height and width of the images that were drawn on, where they are not those of the files.

    Attributes:
        boxes: Of boxes, where the COCO file gives no size.
        masks: Of polygons and run lengths.
    """

    boxes: tuple[int, int] | None = None
    masks: tuple[int, int] | None = None


NO_FRAMES = Frames()


def shape_of(
    annotation: Mapping[str, Any], size: tuple[int, int] | None, frames: Frames, where: str
) -> tuple[Shape, list[str]]:
    """What an annotation marks, and what of it was left out; raises DataError."""
    try:
        segmentation = annotation.get("segmentation")
        if isinstance(segmentation, dict):
            return _in_frame(run_lengths(segmentation), frames.masks), []
        if segmentation and not isinstance(segmentation, list):
            raise ValueError(f"segmentation is {brief(segmentation)}")
        named = None if segmentation else _keypoints(annotation)
        if named is not None and _beside(annotation.get("bbox")) is None:
            return named, []
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


def _keypoints(annotation: Mapping[str, Any]) -> Points | None:
    """The keypoints that are marked, where there are any; raises ValueError."""
    flat = annotation.get("keypoints")
    if not flat:
        return None
    triples = zip(flat[::3], flat[1::3], flat[2::3], strict=True)
    # The third number says whether a point was marked at all.
    points = tuple((float(x), float(y)) for x, y, marked in triples if marked)
    if not all(isfinite(side) for point in points for side in point):
        raise ValueError("a coordinate is missing")
    return Points(points) if points else None


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
    raise ValueError(f"segmentation is {brief(segmentation)}")


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


def brief(value: object) -> str:
    """A value as a message can hold it."""
    text = repr(value)
    return text if len(text) <= _BRIEF else f"{text[:_BRIEF]}..."
