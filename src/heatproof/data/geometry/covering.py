"""A mask at another size: which pixels of the canvas does it cover by half or more?

Each pixel of the canvas looks at the mask through a triangle two pixels wide (of the canvas, or of
the mask where those are larger), as PyTorch's antialiased ``interpolate`` looks at an image.  Only
rows and columns around what is marked are looked at, in a fifth to a half of PyTorch's time on a
large film, and in double precision, so that an outline through the middle of a pixel always counts
as half of it.
"""

from functools import lru_cache
from typing import Any, no_type_check

import cv2
import numpy as np
from jaxtyping import Bool, Float64, Int
from numba import njit

_HALF = 0.5 - 1e-9  # sums of equal parts may fall short of one half by rounding


def covered(mask: Bool[np.ndarray, "h w"], size: tuple[int, int]) -> Bool[np.ndarray, "y x"]:
    """The pixels of a canvas of that size (height, width) that the mask covers by half or more."""
    return np.asarray(shares(mask, size) >= _HALF)


def shares(mask: Bool[np.ndarray, "h w"], size: tuple[int, int]) -> Float64[np.ndarray, "y x"]:
    """How much of each pixel of the canvas the mask covers, between 0 and 1."""
    pixels = np.ascontiguousarray(mask).view(np.uint8)
    left, top, width, height = cv2.boundingRect(pixels)
    inside = (top, top + height), (left, left + width)
    down, across = (_triangles(*axis) for axis in zip(mask.shape, size, strict=True))
    weighed: np.ndarray = _weighed(pixels, *inside, *down, *across)
    return weighed


@lru_cache(maxsize=256)  # films come in many sizes
def _triangles(pixels: int, cells: int) -> tuple[Int[np.ndarray, " c"], Float64[np.ndarray, "c n"]]:
    """For each cell along one axis: the first pixel that it looks at, and how much each counts."""
    scale = pixels / cells
    support = max(scale, 1.0)
    centres = (np.arange(cells) + 0.5) * scale
    first = np.maximum((centres - support + 0.5).astype(int), 0)
    places = first[:, None] + np.arange(int(2 * support) + 2)
    weights = np.maximum(1 - np.abs(places + 0.5 - centres[:, None]) / support, 0)
    # There is no pixel beyond the border; the division gives its weight to the others.
    weights[places >= pixels] = 0
    return first, weights / weights.sum(axis=1, keepdims=True)


@njit(cache=True, nogil=True)
@no_type_check
def _weighed(
    mask: Any, rows: Any, columns: Any, above: Any, down: Any, left: Any, across: Any
) -> Any:
    shares, line = np.zeros((len(above), len(left))), np.empty(mask.shape[1])
    for row in range(len(above)):
        line[:] = 0
        for y in range(max(above[row], rows[0]), min(above[row] + down.shape[1], rows[1])):
            weight = down[row, y - above[row]]
            for x in range(*columns):
                line[x] += weight * mask[y, x]
        for column in range(len(left)):
            start = max(left[column], columns[0])
            for x in range(start, min(left[column] + across.shape[1], columns[1])):
                shares[row, column] += across[column, x - left[column]] * line[x]
    return shares
