"""Consensus of several readers who marked one film: the pixels that enough of them marked.

============  ==========================================================
rule          a pixel is inside where it was marked by
============  ==========================================================
majority      more than half of the readers of the film (two of three)
union         any reader
intersection  every reader
============  ==========================================================

Readers who looked at the film and marked nothing count as well: one mark by one of three readers is
no majority.  Readers vote at the size of the film; a vote after masks were resized, as in published
code for MURA, differs by pixels at the rims.  Where no pixel is agreed on, there is no consensus:
such a film is *inconclusive*, and has no annotation by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal, get_args

import numpy as np

from heatproof.data.annotations.shapes import (
    RLE,
    Box,
    Boxes,
    Mask,
    Outline,
    Polygons,
    RotatedBox,
    Several,
    fit,
)
from heatproof.errors import DataError, near_misses
from heatproof.types import Shape

Rule = Literal["majority", "union", "intersection"]


RULES: tuple[Rule, ...] = get_args(Rule)


def rule_named(name: str) -> Rule:
    """The rule of that name; raises DataError."""
    found = next((rule for rule in RULES if rule == name), None)
    if found is None:
        raise DataError(f"no consensus is named {name!r}; {near_misses(name, RULES)}")
    return found


def needed(rule: Rule, readers: int) -> int:
    """How many of the readers of a film must agree."""
    return {"majority": readers // 2 + 1, "union": 1, "intersection": readers}[rule]


@dataclass(frozen=True)
class Agreed:
    """The pixels that at least ``needed`` of several shapes hold.

    Attributes:
        shapes: What was marked, one shape for each reader who marked anything.
        needed: How many of them must hold a pixel.
    """

    shapes: tuple[Shape, ...]
    needed: int

    @property
    def instances(self) -> int:
        """One: where outlines of readers overlap in part, things cannot be counted."""
        return 1

    def fit(self, height: int, width: int) -> None:
        """Raises AnnotationError when a shape does not fit."""
        for shape in self.shapes:
            fit(shape, height, width)

    def mask(self, height: int, width: int) -> Mask:
        """The pixels that enough readers marked."""
        votes = np.zeros((height, width), np.uint8)
        for shape in self.shapes:
            votes += shape.mask(height, width)
        return votes >= self.needed


def consensus(shapes: Sequence[Shape], readers: int, rule: Rule) -> Agreed | None:
    """What the readers of a film agree on; None where that is no pixel.

    Shapes that only their film gives a size (mask files) are taken to agree.

    Args:
        shapes: What was marked, one shape for each reader who marked anything.
        readers: How many looked at the film, with those who marked nothing.
        rule: Which pixels are agreed on.
    """
    votes = needed(rule, readers)
    if not shapes or votes > len(shapes):
        return None
    agreed = Agreed(tuple(shapes), votes)
    boxes = [_boxes(shape) for shape in shapes]
    if all(drawn is not None for drawn in boxes):
        return agreed if _overlap([drawn for drawn in boxes if drawn], votes) else None
    size = _extent(Several(tuple(shapes)))
    return agreed if size is None or agreed.mask(*size).any() else None


def _boxes(shape: Shape) -> tuple[Box, ...] | None:
    """The boxes of a shape that is nothing else, in pixels of the film."""
    match shape:
        case Boxes(boxes, None):
            return boxes
        case Several(shapes):
            parts = [_boxes(part) for part in shapes]
            if all(part is not None for part in parts):
                return tuple(box for part in parts if part for box in part)
    return None


def _overlap(readers: Sequence[Sequence[Box]], votes: int) -> bool:
    """Whether the boxes of so many readers share a pixel.

    Between the edges of boxes nothing changes, so one pixel of each cell between them is looked at:
    films may be large, and boxes many.
    """
    # Pixels whose centre is inside, as a box is filled.
    drawn = [np.ceil(np.asarray(boxes, float) - 0.5) for boxes in readers]
    xs = np.unique(np.concatenate([boxes[:, [0, 2]].ravel() for boxes in drawn]))
    ys = np.unique(np.concatenate([boxes[:, [1, 3]].ravel() for boxes in drawn]))
    counts = np.zeros((len(ys), len(xs)), int)
    for boxes in drawn:
        cells = np.zeros(counts.shape, bool)
        for x0, y0, x1, y1 in boxes:
            cells |= ((ys >= y0) & (ys < y1))[:, None] & ((xs >= x0) & (xs < x1))
        counts += cells
    return bool((counts >= votes).any())


def _extent(shape: Shape) -> tuple[int, int] | None:
    """Height and width of a canvas that holds a shape; None where only its film tells."""
    match shape:
        case RotatedBox():
            return _extent(shape.outline)
        case RLE(tuple(own)) | Outline(_, tuple(own)) | Polygons(_, tuple(own)):
            return own
        case Boxes(boxes, None):
            return ceil(max(box[3] for box in boxes)), ceil(max(box[2] for box in boxes))
        case Outline(contours, None) | Polygons(contours, None):
            points = [point for contour in contours for point in contour]
            # Outlines belong to the shape, so that a canvas ends a pixel after them.
            return ceil(max(y for _, y in points)) + 1, ceil(max(x for x, _ in points)) + 1
        case Several(shapes):
            sizes = [size for part in shapes if (size := _extent(part)) is not None]
            if len(sizes) == len(shapes):
                return max(height for height, _ in sizes), max(width for _, width in sizes)
    return None
