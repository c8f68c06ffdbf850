"""The things that a shape marks, one by one."""

from collections.abc import Iterator
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Part:
    """A part of a mask that touches no other, and where it lies.

    Attributes:
        mask: Its pixels, within the box around it.
        top: The row of its first pixels.
        left: The column of its first pixels.
    """

    mask: Mask
    top: int
    left: int

    @property
    def place(self) -> tuple[slice, slice]:
        """Rows and columns of the box around it."""
        height, width = self.mask.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def cropped_parts(mask: Mask) -> Iterator[Part]:
    """Each part of a mask that touches no other, diagonals included, one at a time.

    A noisy map has thousands, so none is as large as the mask.
    """
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    for label, (left, top, width, height, _) in enumerate(boxes.tolist()[1:], start=1):
        within = labels[top : top + height, left : left + width]
        yield Part(within == label, top, left)


def connected_parts(mask: Mask) -> Iterator[Mask]:
    """Each part of a mask that touches no other, diagonals included, in the size of the mask."""
    for part in cropped_parts(mask):
        whole = np.zeros(mask.shape, bool)
        whole[part.place] = part.mask
        yield whole
