"""A mask as contours, from which the same mask can be filled again.

``edges`` follow the edges of pixels, whose corners are whole numbers: filled half-open, as COCO's
tools do (``Outline``), they hold exactly the pixels that they go round.  ``rims`` go through the
outermost pixels, as OpenCV's contours do: filled with their outline by Pillow (``Polygons``), they
hold them, too.
"""

import cv2
import numpy as np

from heatproof.data.annotations.shapes import Mask, Point

Contour = tuple[Point, ...]
_Vertex = tuple[int, int]


def parts(mask: Mask) -> list[Mask]:
    """Each part of a mask whose pixels share edges."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    return [labels == label for label in range(1, count)]


def edges(mask: Mask) -> tuple[tuple[Contour, ...], tuple[Contour, ...]]:
    """The outer contours of a mask, and those of its holes, along the edges of pixels."""
    leaving = _steps(mask)
    outer: list[Contour] = []
    holes: list[Contour] = []
    while leaving:
        loop = _loop(leaving)
        xy = np.array(loop)
        x, y = xy[:, 0], xy[:, 1]
        # Twice the area by the shoelace formula: holes are gone round the other way.
        area = int((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())
        (outer if area > 0 else holes).append(_corners(loop))
    return tuple(outer), tuple(holes)


def rims(mask: Mask) -> tuple[Contour, ...]:
    """The outer contours of a mask through its outermost pixels; holes are not told."""
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contours = []
    for contour in found:
        points = tuple((int(x), int(y)) for x, y in contour[:, 0])
        contours.append(points * 2 if len(points) == 1 else points)  # a pixel: a line of two points
    return tuple(contours)


def _steps(mask: Mask) -> dict[_Vertex, list[_Vertex]]:
    """The edges of pixels with the marked pixel on the right of one who walks, by their start."""
    padded = np.pad(mask, 1)
    inner = padded[1:-1, 1:-1]
    sides = (
        (~padded[:-2, 1:-1], (0, 0), (1, 0)),  # the pixel above is not marked: walk to the right
        (~padded[1:-1, 2:], (1, 0), (1, 1)),
        (~padded[2:, 1:-1], (1, 1), (0, 1)),
        (~padded[1:-1, :-2], (0, 1), (0, 0)),
    )
    leaving: dict[_Vertex, list[_Vertex]] = {}
    for bare, start, end in sides:
        for row, column in np.argwhere(inner & bare).tolist():
            vertex = column + start[0], row + start[1]
            leaving.setdefault(vertex, []).append((column + end[0], row + end[1]))
    return leaving


def _loop(leaving: dict[_Vertex, list[_Vertex]]) -> list[_Vertex]:
    """One closed walk, whose edges are taken out."""
    start = next(iter(leaving))
    walk, here, came = [start], start, (0, 0)
    while True:
        ends = leaving[here]
        # Where two pixels touch at a corner, two edges go on: the right turn stays at the pixel.
        right = here[0] - came[1], here[1] + came[0]
        there = right if len(ends) > 1 and right in ends else ends[0]
        ends.remove(there)
        if not ends:
            del leaving[here]
        came = there[0] - here[0], there[1] - here[1]
        here = there
        if here == start:
            return walk
        walk.append(here)


def _corners(loop: list[_Vertex]) -> Contour:
    """The points of a walk at which it turns."""
    return tuple(
        here
        for before, here, after in zip(
            [loop[-1], *loop[:-1]], loop, [*loop[1:], loop[0]], strict=True
        )
        if (here[0] - before[0], here[1] - before[1]) != (after[0] - here[0], after[1] - here[1])
    )
