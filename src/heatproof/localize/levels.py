"""The pixels of a map counted by height, inside and outside a mask, in one pass for all thresholds.

Scaled to [0, 1] by its own minimum and maximum, a map has 256 levels, ``floor(255 * scaled)``:
the 8 bits of Otsu's threshold.  A fixed threshold divides the level that holds it in two.  So every
pixel has a bin, its level plus the number of thresholds that it lies above, and one histogram of
these tells how many lie above each: as many as the binarized map has, to the pixel.  Pixels are
made row by row as they are counted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, no_type_check

import numpy as np
from jaxtyping import Bool, Float, Int
from numba import njit

from heatproof.data.geometry.enlarging import Enlargement, pixel_row

_LEVELS = 256
_TOP = 255
_TABLES = 8  # neighbours have like heights: counting in turn, none waits for the one before
_EPSILON = float(np.finfo(np.float32).eps)  # OpenCV's: a class that holds less is no class


@dataclass(frozen=True)
class Counts:
    """How many pixels of a map lie above a threshold.

    Attributes:
        above: Pixels of the film above it.
        shared: Pixels of the mask above it.
    """

    above: int
    shared: int


def counts_above(
    shown: Enlargement, mask: Bool[np.ndarray, "h w"], thresholds: Iterable[float] = ()
) -> tuple[Counts, Mapping[float, Counts]]:
    """Pixels above Otsu's threshold, and strictly above each of some thresholds.

    Args:
        shown: A map, neither constant nor other than finite.
        mask: The mask of the reference.
        thresholds: Thresholds of the scaled map, in [0, 1).

    Raises:
        ValueError: The map is constant or not finite, or not of the size of the mask.  Compiled
            code checks no bounds, so it must not get such arrays.
    """
    kind = shown.kind
    if shown.limits is None:
        raise ValueError("a map that is constant or not finite has no levels")
    if shown.shape != mask.shape:
        raise ValueError(f"a map of {shown.shape} and a mask of {mask.shape}, expected one size")
    low, high = map(kind, shown.limits)
    cuts = sorted(thresholds)
    rounded = np.array(cuts, kind)
    # The loop counts four thresholds at once, so their number is filled up with infinity.
    fours = np.pad(rounded, (0, -len(cuts) % 4), constant_values=np.inf)
    table = _counted(shown.parts, np.ascontiguousarray(mask), low, high - low, kind(_TOP), fours)
    table = table[:, : _LEVELS + len(cuts)]  # nothing is above infinity
    first = (rounded * kind(_TOP)).astype(int) + np.arange(1, len(cuts) + 1)  # bin above each
    levels = np.arange(table.shape[1]) - np.searchsorted(first, np.arange(table.shape[1]), "right")
    otsu = otsu_level(np.bincount(levels, table.sum(axis=0), _LEVELS))
    return (
        _sums(table[:, levels > otsu]),
        {cut: _sums(table[:, start:]) for cut, start in zip(cuts, first.tolist(), strict=True)},
    )


def otsu_level(pixels: Float[np.ndarray, " levels"] | Int[np.ndarray, " levels"]) -> int:
    """The level above which lies the foreground, as OpenCV finds it.

    Args:
        pixels: How many there are at each of 256 levels.
    """
    scale = 1 / int(pixels.sum())
    return int(_best(pixels * scale, float(np.arange(_LEVELS) @ pixels) * scale))


def _sums(table: Int[np.ndarray, "2 bins"]) -> Counts:
    outside, inside = table.sum(axis=1).tolist()
    return Counts(outside + inside, inside)


@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _counted(parts: Any, mask: Any, low: Any, spread: Any, top: Any, cuts: Any) -> Any:
    """Pixels by side of the mask and bin."""
    height, width = mask.shape
    bins = _LEVELS + len(cuts)
    tables = np.zeros(2 * bins * _TABLES, np.uint32)
    scaled, keys = np.empty(width, cuts.dtype), np.empty(width, np.int32)
    for y in range(height):
        pixel_row(parts, y, scaled)
        for x in range(width):
            value = (scaled[x] - low) / spread
            scaled[x] = value
            keys[x] = np.int32(value * top) + np.int32(mask[y, x]) * np.int32(bins)
        for first in range(0, len(cuts), 4):  # four at a time, so that heights are read less often
            a, b, c, d = cuts[first : first + 4]
            for x in range(width):
                value = scaled[x]
                keys[x] += (
                    np.int32(value > a)
                    + np.int32(value > b)
                    + np.int32(value > c)
                    + np.int32(value > d)
                )
        for x in range(width):
            keys[x] = keys[x] * np.int32(_TABLES) + np.int32(x % _TABLES)
        for x in range(width):
            tables[np.uint32(keys[x])] += np.uint32(1)
    return tables.reshape(2, bins, _TABLES).sum(axis=2).astype(np.int64)


@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _best(shares: Any, mean: float) -> int:
    """The level with the largest variance between the classes on its two sides."""
    below, mean_below, best, best_level = 0.0, 0.0, 0.0, 0
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
            best, best_level = variance, level
    return best_level
