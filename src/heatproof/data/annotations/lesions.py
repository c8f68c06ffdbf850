"""The things that a shape marks, one by one."""

from collections.abc import Iterator

import cv2
import numpy as np

from heatproof.data.annotations.shapes import (
    RLE,
    Boxes,
    Mask,
    Outline,
    Polygons,
    RotatedBox,
    Several,
)
from heatproof.types import Shape


def lesions_of(shape: Shape, height: int, width: int) -> Iterator[Mask]:
    """The mask of each thing that was drawn, one at a time, without empty ones.

    Contours and boxes are one thing each.  A raster cannot tell, so each of its connected parts is
    one, unless the file it came from says how many it holds.
    """
    masks: Iterator[Mask]
    # A shape that is made of another, such as ``Rescaled``, knows its parts.
    if (own := getattr(shape, "lesions", None)) is not None:
        yield from (mask for mask in own(height, width) if mask.any())
        return
    match shape:
        case Several(shapes):
            for inner in shapes:
                yield from lesions_of(inner, height, width)
            return
        case Boxes(boxes, frame):
            masks = (Boxes((box,), frame).mask(height, width) for box in boxes)
        case Polygons(contours, size, None):
            masks = (Polygons((contour,), size).mask(height, width) for contour in contours)
        case Polygons(_, _, 1) | RLE(_, _, 1) | Outline() | RotatedBox():
            masks = iter([shape.mask(height, width)])
        case _:
            masks = connected_parts(shape.mask(height, width))
    yield from (mask for mask in masks if mask.any())


def connected_parts(mask: Mask) -> Iterator[Mask]:
    """Each part of a mask that touches no other, diagonals included, one at a time."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    for label in range(1, count):
        yield labels == label
