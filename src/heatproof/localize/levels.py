"""The pixels of a map counted by height, inside and outside a mask, in one pass for all thresholds.

Scaled to [0, 1] by its own minimum and maximum, a map has 256 levels, ``floor(255 * scaled)``:
the 8 bits of Otsu's threshold.  How many pixels lie above a threshold follows from how many there
are at each level: all at higher levels, none at lower ones, and at the level that holds the
threshold those that were compared with it.  So the counts are those of the binarized map, to the
pixel, at the cost of one look at each pixel, whatever the number of thresholds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, no_type_check

import numpy as np
from jaxtyping import Bool, Float, Int
from numba import njit

_LEVELS = 256
_TOP = 255
_TABLES = 4  # neighbours have like heights: counting in turn, none waits for the one before
_EPSILON = float(np.finfo(np.float32).eps)  # OpenCV's: a class that holds less is no class


@dataclass(frozen=True)
class Counts:
    """How many pixels of a map lie above a threshold.

    Attributes:
        above: In the image.
        shared: In the mask.
    """

    above: int
    shared: int


def counts_above(
    saliency: Float[np.ndarray, "h w"],
    mask: Bool[np.ndarray, "h w"],
    limits: tuple[float, float],
    thresholds: Iterable[float] = (),
) -> tuple[Counts, Mapping[float, Counts]]:
    """Pixels above Otsu's threshold, and strictly above each of some thresholds.

    Args:
        saliency: A map in single or double precision.
        mask: Of the reference.
        limits: Minimum and maximum of the map: finite, and not equal.
        thresholds: Of the scaled map, in [0, 1).
    """
    kind = saliency.dtype.type
    low, high = map(kind, limits)
    planes = np.ascontiguousarray(saliency), np.ascontiguousarray(mask)
    found: dict[float, Counts] = {}
    waiting = list(dict.fromkeys(thresholds))
    while True:
        chosen: dict[int, float] = {}  # one threshold at each level; others wait for another pass
        for threshold in waiting:
            chosen.setdefault(int(kind(threshold) * kind(_TOP)), threshold)
        cuts = np.full(_LEVELS, np.inf, saliency.dtype)
        for level, threshold in chosen.items():
            cuts[level] = threshold
        table = _counted(*planes, low, high - low, kind(_TOP), cuts)
        for level, threshold in chosen.items():
            found[threshold] = _sums(table[:, :, level + 1 :], table[:, 1, level])
        waiting = [threshold for threshold in waiting if threshold not in found]
        if not waiting:
            break
    level = otsu_level(table.sum(axis=(0, 1)))
    return _sums(table[:, :, level + 1 :]), found


def otsu_level(pixels: Int[np.ndarray, " levels"]) -> int:
    """The level above which lies the foreground, as OpenCV finds it.

    Args:
        pixels: How many there are at each of 256 levels.
    """
    scale = 1 / int(pixels.sum())
    shares = (pixels * scale).tolist()
    mean = float(np.arange(_LEVELS) @ pixels) * scale
    below, mean_below, best, found = 0.0, 0.0, 0.0, 0
    for level, share in enumerate(shares):
        mean_below *= below
        below += share
        above = 1 - below
        if min(below, above) < _EPSILON or max(below, above) > 1 - _EPSILON:
            continue
        mean_below = (mean_below + level * share) / below
        mean_above = (mean - below * mean_below) / above
        variance = below * above * (mean_below - mean_above) * (mean_below - mean_above)
        if variance > best:
            best, found = variance, level
    return found


def _sums(*tables: Int[np.ndarray, "2 ..."]) -> Counts:
    outside, inside = (sum(int(table[side].sum()) for table in tables) for side in (0, 1))
    return Counts(outside + inside, inside)


@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _counted(values: Any, mask: Any, low: Any, spread: Any, top: Any, cuts: Any) -> Any:
    """Pixels by side of the mask, side of the cut of their level, and level."""
    height, width = values.shape
    tables = np.zeros((_TABLES, 4 * _LEVELS), np.int64)
    scaled, keys = np.empty(width, values.dtype), np.empty(width, np.uint16)
    for row in range(height):
        for column in range(width):
            value = (values[row, column] - low) / spread
            scaled[column] = value
            level = np.uint16(np.int32(value * top))
            keys[column] = level + np.uint16(mask[row, column]) * np.uint16(2 * _LEVELS)
        for column in range(width):
            key = keys[column]
            above = np.uint16(scaled[column] > cuts[key & np.uint16(_TOP)])
            tables[column & 3, key + above * np.uint16(_LEVELS)] += 1
    return tables.sum(axis=0).reshape(2, 2, _LEVELS)
