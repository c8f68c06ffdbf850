"""Bilinear enlargement that is exact: what is equal on a map is equal over the film.

Each pixel is computed in double precision, the errors of which are cut off, and then rounded once.
So a map of one value keeps it, a plateau is flat up to its rim, and pixels that lie alike between
like cells are alike; a map that is mirrored, turned or multiplied by a power of two has the same
pixels, mirrored, turned or multiplied, on every machine.  Computed in single precision, all these
would differ in their last digits, and who asks for the highest pixel, for ranks or for a range
above 0 would be answered by those.

PyTorch's ``interpolate(..., mode="bilinear")`` computes places, products and sums in single
precision.  It differs by some 1e-7 of the range of a coarse map, so that of millions of pixels one
or two fall on the other side of a threshold.

Each row of cells is stretched across once, and two of those make every row of pixels.  Who looks at
pixels only once, to count them or to find the highest, makes rows where they are looked at
(``Enlargement``, ``pixel_row``): 26 MB of a film of 2,320 x 2,828 take longer to write and to read
than to make.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, no_type_check

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int
from numba import njit


class Span(NamedTuple):
    """The pixels of a canvas that a film takes, along one axis.

    Attributes:
        start: The first of them; below 0 where the film begins before the canvas, which cuts it.
        length: Their number.
        canvas: All pixels of the canvas.
    """

    start: int
    length: int
    canvas: int


WHOLE = Span(0, 1, 1)
"""All of it, whatever the size of the canvas."""
_SPLIT = 2.0**8 + 1
"""Times this number and back (Dekker's split), the 53 bits of double precision become 45.

The 8 that go hold all errors of a weighted mean.  A pixel that equals a cell does so again; and
those that lie half way between two numbers of single precision, as many do, all round the same way.
"""


@dataclass(frozen=True, eq=False)
class Enlargement:
    """A map at another size, whose pixels are made when they are asked for.

    Pixel ``(y, x)`` lies between ``rows[above[y], x]`` and ``rows[below[y], x]``, as far from the
    first as ``shares[y]`` says.

    Attributes:
        rows: Rows of cells, stretched across.
        above: The rows that a row of pixels lies between.
        below: The other of them.
        shares: How much the row below counts, in [0, 1).
        kind: The precision of a pixel.
    """

    rows: Float[np.ndarray, "y w"]
    above: Int[np.ndarray, " h"]
    below: Int[np.ndarray, " h"]
    shares: Float64[np.ndarray, " h"]
    kind: type[np.floating[Any]] = np.float32

    @classmethod
    def whole(cls, pixels: Float[np.ndarray, "h w"]) -> "Enlargement":
        """An enlargement of pixels that exist already."""
        kind = np.float32 if pixels.dtype == np.float32 else np.float64
        places = np.arange(len(pixels))
        rows = np.ascontiguousarray(pixels, kind)
        return cls(rows, places, places, np.zeros(len(pixels)), kind)

    @property
    def parts(self) -> tuple[np.ndarray, ...]:
        """The arrays that compiled code takes, which cannot read a class."""
        return self.rows, self.above, self.below, self.shares

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return len(self.above), self.rows.shape[1]

    @cached_property
    def pixels(self) -> Float[np.ndarray, "h w"]:
        """All pixels as one array."""
        pixels = np.empty(self.shape, self.kind)
        _fill(self.parts, pixels)
        return pixels

    @cached_property
    def limits(self) -> tuple[float, float] | None:
        """Minimum and maximum; ``None`` for a map that is constant or not finite."""
        # A pixel is a weighted mean of two rows, so the few rows tell whether all are finite.
        if not np.isfinite(self.rows).all():
            return None
        lows, highs = self._extent
        low, high = float(lows.min()), float(highs.max())
        # The range of finite numbers may be too large for their kind, and maps are divided by it.
        return (low, high) if 0 < high - low <= float(np.finfo(self.kind).max) else None

    @cached_property
    def maxima(self) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
        """Rows and columns of all pixels that are as high as the highest, in reading order."""
        _, highs = self._extent
        highest = highs.max()
        columns = np.flatnonzero(highs == highest)
        # Only these columns are made, since most maps have one highest pixel.
        kept = np.ascontiguousarray(self.rows[:, columns]), *self.parts[1:]
        pixels = np.empty((self.shape[0], len(columns)), self.kind)
        _fill(kept, pixels)
        rows, places = np.nonzero(pixels == highest)
        return rows, columns[places]

    @cached_property
    def _extent(self) -> tuple[Float[np.ndarray, " w"], Float[np.ndarray, " w"]]:
        """Minimum and maximum of each column."""
        lows = np.full(self.shape[1], np.inf, self.kind)
        highs = -lows
        # Between two rows of cells a column rises or falls, and rounding keeps that order: its
        # extremes lie where it begins and ends.
        begins = np.flatnonzero(np.diff(self.above, prepend=-1))
        ends = np.append(begins[1:], self.shape[0]) - 1
        _extend(self.parts, np.union1d(begins, ends), lows, highs)
        return lows, highs


def enlargement(
    values: Float32[np.ndarray, "y x"],
    size: tuple[int, int],
    down: Span = WHOLE,
    across: Span = WHOLE,
) -> Enlargement:
    """The map at another size, half-pixel centres, borders repeated; shrinks without smoothing.

    Where the canvas cuts the film off, it has the lowest value of the map.

    Args:
        values: The map; its cells divide a canvas.
        size: Height and width of the film, in pixels.
        down: The part of the canvas that the film takes, from top to bottom.
        across: Likewise from left to right.
    """
    cells = np.ascontiguousarray(values, np.float32)
    rows = _stretched(cells, *_places(cells.shape[1], size[1], across))
    above, below, shares = _places(cells.shape[0], size[0], down)
    cut = [beyond(pixels, span) for pixels, span in zip(size, (down, across), strict=True)]
    if cut[0].any() or cut[1].any():
        lowest = cells.min()
        rows[:, cut[1]] = lowest
        # One more row of cells stands for all rows of pixels that are cut off.
        rows = np.vstack([rows, np.full_like(rows[:1], lowest)])
        above, below = (np.where(cut[0], len(cells), places) for places in (above, below))
        shares = np.where(cut[0], 0.0, shares)
    return Enlargement(rows, above, below, shares)


def beyond(pixels: int, span: Span) -> Bool[np.ndarray, " p"]:
    """Which pixels of a film, along one axis, have their centre outside of the canvas."""
    centres = (2 * np.arange(pixels) + 1) * span.length + 2 * span.start * pixels
    return np.asarray((centres < 0) | (centres > 2 * span.canvas * pixels))


def enlarged(
    values: Float32[np.ndarray, "y x"], size: tuple[int, int]
) -> Float32[np.ndarray, "h w"]:
    """The pixels of the map at another size."""
    return enlargement(values, size).pixels


@lru_cache(maxsize=256)  # films come in many sizes
def _places(
    cells: int, pixels: int, span: Span
) -> tuple[Int[np.ndarray, " p"], Int[np.ndarray, " p"], Float64[np.ndarray, " p"]]:
    """For each pixel along one axis: the two cells that it lies between, and the second's share."""
    # Whole numbers of a unit that divides a cell, so that equal places are equal numbers.
    cell = 2 * span.canvas * pixels
    centres = (2 * np.arange(pixels) + 1) * span.length + 2 * span.start * pixels
    places = np.clip(centres * cells - cell // 2, 0, (cells - 1) * cell)
    first, beyond = np.divmod(places, cell)
    return first, np.minimum(first + 1, cells - 1), beyond / cell


@njit(cache=True, nogil=True)
@no_type_check
def _stretched(values: Any, left: Any, right: Any, shares: Any) -> Any:
    cells, width = len(values), len(left)
    rows = np.empty((cells, width), np.float64)
    for row in range(cells):
        for x in range(width):
            a, b = np.float64(values[row, left[x]]), np.float64(values[row, right[x]])
            rows[row, x] = a if shares[x] == 0 else a * (1 - shares[x]) + b * shares[x]
    return rows


@njit(cache=True, nogil=True)
@no_type_check
def pixel_row(parts: Any, y: int, line: Any) -> None:
    """Makes one row of pixels in ``line``, whose precision each is rounded to; compiled.

    Args:
        parts: Of an ``Enlargement``.
        y: Number of the row.
        line: Takes the pixels; as long as the enlargement is wide.
    """
    rows, above, below, shares = parts
    upper, lower, share = rows[above[y]], rows[below[y]], shares[y]
    if rows.itemsize == line.itemsize:  # pixels that exist already
        for x in range(len(line)):
            line[x] = upper[x]
    else:
        for x in range(len(line)):
            # A cell without a share adds nothing, whatever it is.
            pixel = upper[x] if share == 0 else upper[x] * (1 - share) + lower[x] * share
            split = pixel * _SPLIT
            line[x] = split - (split - pixel)


@njit(cache=True, nogil=True)
@no_type_check
def _fill(parts: Any, pixels: Any) -> None:
    for y in range(len(pixels)):
        pixel_row(parts, y, pixels[y])


@njit(cache=True, nogil=True)
@no_type_check
def _extend(parts: Any, looked_at: Any, lows: Any, highs: Any) -> None:
    line = np.empty_like(lows)
    for y in looked_at:
        pixel_row(parts, y, line)
        for x in range(len(line)):
            lows[x], highs[x] = min(lows[x], line[x]), max(highs[x], line[x])
