"""Pixels replaced by what their neighbours make likely: noisy linear imputation, without the noise.

Each hidden pixel becomes the weighted mean of its eight neighbours, 1/6 beside and below, 1/12 at
the corners, rescaled at the edge of the image; of neighbours that are hidden, too, their own new
value.  Rong et al., ICML 2022, https://arxiv.org/abs/2202.00449, for ROAD: a flat infill shows
by its outline what was hidden, and a model may read the outline.

That is a system of as many equations as pixels are hidden.  It is an electric network: hidden
pixels are nodes, weights conductances, and pixels that are shown are ground.  Conjugate gradients
solve it, preconditioned by one V-cycle of multigrid, whose coarser networks join 2 x 2 nodes each;
their correction is too small by nearly half, and is enlarged.

These loops stand here for their speed: of nine shares of a film of 224 px, SciPy's direct solver
takes .8 s, its conjugate gradients .4 s, and this .08 s.
"""

from collections.abc import Sequence
from typing import Any, no_type_check

import numpy as np
from jaxtyping import Float, Int
from numba import njit

_TOLERANCE = 3e-6  # change by the last step, in units of the input; the error is of that size
_MOST_STEPS = 500
_DAMPING = 0.9  # of a sweep of Jacobi's
_ENLARGED = 1.8  # how much of a coarse correction is added
_SMALLEST = 4  # side of the coarsest network
_COARSE_SWEEPS = 16
_HALF = 4  # of the eight neighbours
_SAME = 1e-5  # share of the contrast of a channel that may be rounding


def imputed(
    image: Float[np.ndarray, "c h w"],
    places: Int[np.ndarray, "h w"],
    counts: Sequence[int],
) -> Float[np.ndarray, "s c h w"]:
    """The image with its first pixels imputed, for several numbers of pixels.

    Args:
        image: An input of a network.
        places: The order in which pixels are hidden, from 0; see ``hiding.ranks``.
        counts: How many are hidden, ascending, and less than all.
    """
    found = np.empty((len(counts), *image.shape), np.float64)
    for channel, values in enumerate(image.astype(np.float64)):
        # Channels of a grey film are one picture in other units, and imputing knows no units.
        scale = _scale(image[0], image[channel]) if channel else None
        if scale is not None:
            found[:, channel] = values.flat[0] + scale * (found[:, 0] - float(image[0].flat[0]))
            continue
        start = values
        for row, count in enumerate(counts):
            # What is hidden grows: the last answer is nearly that of the next.
            start = _solved(values, places < count, start)
            found[row, channel] = start
    return found.astype(image.dtype)


def _scale(first: Float[np.ndarray, "h w"], second: Float[np.ndarray, "h w"]) -> float | None:
    """By what contrast in one channel must be multiplied for another; None if they differ."""
    contrast, other = (each.astype(np.float64) - float(each.flat[0]) for each in (first, second))
    square = float((contrast**2).sum())
    scale = float((contrast * other).sum()) / square if square else 0.0
    error = np.abs(scale * contrast - other).max()
    return scale if error <= _SAME * np.abs(other).max() else None


@njit(cache=True, nogil=True, fastmath=True)
@no_type_check
def _solved(image: Any, hidden: Any, start: Any) -> Any:
    height, width = hidden.shape
    networks = [np.zeros((7, height + 2, width + 2))]
    _finest(hidden, networks[0])
    while min(height, width) > _SMALLEST:
        height, width = (height + 1) // 2, (width + 1) // 2
        coarse = np.zeros((7, height + 2, width + 2))
        _coarsened(networks[-1], coarse)
        networks.append(coarse)
    corrections = [np.zeros(network.shape[1:]) for network in networks]
    rests = [np.zeros(network.shape[1:]) for network in networks]
    spare = [np.zeros(network.shape[1:]) for network in networks]
    diagonal = networks[0][5]
    values, rest = np.zeros(diagonal.shape), np.zeros(diagonal.shape)
    values[1:-1, 1:-1] = np.where(hidden, start, image)
    _missing(values, hidden, rest)
    direction, moved = np.zeros(diagonal.shape), np.zeros(diagonal.shape)
    former = 1.0
    for step in range(_MOST_STEPS):
        rests[0][:] = rest
        _cycle(networks, corrections, rests, spare)
        correction = corrections[0]
        if _largest(correction) < _TOLERANCE:
            break
        product = _dot(rest, correction)
        _add(correction, product / former if step else 0.0, direction)
        former = product
        _times_finest(direction, diagonal, moved)
        length = product / _dot(direction, moved)
        for row in range(values.shape[0]):
            for column in range(values.shape[1]):
                values[row, column] += length * direction[row, column]
                rest[row, column] -= length * moved[row, column]
    return values[1:-1, 1:-1].copy()


# Loops, since an expression of arrays would allocate each of its parts.


@njit(cache=True, nogil=True, fastmath=True)
@no_type_check
def _dot(first: Any, second: Any) -> Any:
    total = 0.0
    for row in range(first.shape[0]):
        for column in range(first.shape[1]):
            total += first[row, column] * second[row, column]
    return total


@njit(cache=True, nogil=True, fastmath=True)
@no_type_check
def _largest(values: Any) -> Any:
    found = 0.0
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            found = max(found, abs(values[row, column]))
    return found


@njit(cache=True, nogil=True, fastmath=True)
@no_type_check
def _add(correction: Any, share: Any, direction: Any) -> None:
    for row in range(direction.shape[0]):
        for column in range(direction.shape[1]):
            direction[row, column] = correction[row, column] + share * direction[row, column]


# A network is seven arrays with a rim of one cell: conductances to the right, down, down to the
# right and down to the left, to ground, their sum at a node, and one over it (0 at no node).


@njit(cache=True, nogil=True)
@no_type_check
def _finest(hidden: Any, network: Any) -> None:
    height, width = hidden.shape
    for y in range(height):
        for x in range(width):
            if not hidden[y, x]:
                continue
            for k in range(8):
                down, right = (0, 1, 1, 1, 0, -1, -1, -1)[k], (1, 0, 1, -1, -1, 0, -1, 1)[k]
                if not (0 <= y + down < height and 0 <= x + right < width):
                    continue
                weight = 1 / 6 if down == 0 or right == 0 else 1 / 12
                if not hidden[y + down, x + right]:
                    network[4, y + 1, x + 1] += weight
                elif k < _HALF:  # the others are edges of the neighbours
                    network[k, y + 1, x + 1] = weight
    _summed(network)


@njit(cache=True, nogil=True)
@no_type_check
def _coarsened(fine: Any, coarse: Any) -> None:
    """Galerkin's coarse network: an edge that crosses between two nodes of it is theirs."""
    _, height, width = fine.shape
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            row, column = (y + 1) // 2, (x + 1) // 2
            coarse[4, row, column] += fine[4, y, x]
            for k in range(4):
                weight = fine[k, y, x]
                down = (y + (0, 1, 1, 1)[k] + 1) // 2 - row
                right = (x + (1, 0, 1, -1)[k] + 1) // 2 - column
                if weight == 0.0 or (down == 0 and right == 0):
                    continue
                if down == 0:
                    coarse[0, row, column + min(right, 0)] += weight
                else:
                    coarse[1 if right == 0 else (2 if right > 0 else 3), row, column] += weight
    _summed(coarse)


@njit(cache=True, nogil=True)
@no_type_check
def _summed(network: Any) -> None:
    right, down, down_right, down_left, ground = network[:5]
    _, height, width = network.shape
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            total = ground[y, x] + right[y, x] + right[y, x - 1] + down[y, x] + down[y - 1, x]
            total += down_right[y, x] + down_right[y - 1, x - 1]
            total += down_left[y, x] + down_left[y - 1, x + 1]
            network[5, y, x] = total
            network[6, y, x] = 1 / total if total > 0 else 0.0


@njit(cache=True, nogil=True, fastmath=True)
@no_type_check
def _smoothed(level: Any, network: Any, x: Any, rest: Any, other: Any) -> None:
    """Two sweeps; ``other`` is overwritten."""
    if level == 0:
        _sweep_finest(network[6], x, rest, other)
        _sweep_finest(network[6], other, rest, x)
    else:
        _sweep(network, x, rest, other)
        _sweep(network, other, rest, x)


@njit(cache=True, nogil=True, fastmath=True)
@no_type_check
def _cycle(networks: Any, corrections: Any, rests: Any, spare: Any) -> None:
    """One V-cycle: down to the coarsest network, and up again."""
    last = len(networks) - 1
    for level in range(last):
        network, x, rest, other = networks[level], corrections[level], rests[level], spare[level]
        x[:] = 0
        _smoothed(level, network, x, rest, other)
        if level == 0:
            _times_finest(x, network[5], other)
        else:
            _times(network, x, other)
        below = rests[level + 1]
        below[:] = 0
        height, width = x.shape
        for row in range(1, height - 1):
            for column in range(1, width - 1):
                left = rest[row, column] - other[row, column]
                below[(row + 1) // 2, (column + 1) // 2] += left
    corrections[last][:] = 0
    for _ in range(_COARSE_SWEEPS):
        _smoothed(last, networks[last], corrections[last], rests[last], spare[last])
    for level in range(last - 1, -1, -1):
        network, x, coarse = networks[level], corrections[level], corrections[level + 1]
        height, width = x.shape
        for row in range(1, height - 1):
            for column in range(1, width - 1):
                if network[6, row, column] != 0.0:
                    x[row, column] += _ENLARGED * coarse[(row + 1) // 2, (column + 1) // 2]
        _smoothed(level, network, x, rests[level], spare[level])


@njit(cache=True, nogil=True, fastmath=True, inline="always")
@no_type_check
def _around(network: Any, x: Any, row: Any, column: Any) -> Any:
    right, down, down_right, down_left = network[0], network[1], network[2], network[3]
    return (
        right[row, column] * x[row, column + 1]
        + right[row, column - 1] * x[row, column - 1]
        + down[row, column] * x[row + 1, column]
        + down[row - 1, column] * x[row - 1, column]
        + down_right[row, column] * x[row + 1, column + 1]
        + down_right[row - 1, column - 1] * x[row - 1, column - 1]
        + down_left[row, column] * x[row + 1, column - 1]
        + down_left[row - 1, column + 1] * x[row - 1, column + 1]
    )


@njit(cache=True, nogil=True, fastmath=True, inline="always")
@no_type_check
def _around_finest(x: Any, row: Any, column: Any) -> Any:
    """Its conductances are known, and x is 0 where there is no node: nothing else to read."""
    beside = x[row, column + 1] + x[row, column - 1] + x[row + 1, column] + x[row - 1, column]
    corners = x[row + 1, column + 1] + x[row - 1, column - 1]
    corners += x[row + 1, column - 1] + x[row - 1, column + 1]
    return beside / 6 + corners / 12


@njit(cache=True, nogil=True, fastmath=True)
@no_type_check
def _sweep(network: Any, x: Any, rest: Any, out: Any) -> None:
    inverse = network[6]
    height, width = x.shape
    for row in range(1, height - 1):
        for column in range(1, width - 1):
            new = inverse[row, column] * (rest[row, column] + _around(network, x, row, column))
            out[row, column] = (1 - _DAMPING) * x[row, column] + _DAMPING * new


@njit(cache=True, nogil=True, fastmath=True)
@no_type_check
def _sweep_finest(inverse: Any, x: Any, rest: Any, out: Any) -> None:
    height, width = x.shape
    for row in range(1, height - 1):
        for column in range(1, width - 1):
            new = inverse[row, column] * (rest[row, column] + _around_finest(x, row, column))
            mixed = (1 - _DAMPING) * x[row, column] + _DAMPING * new
            out[row, column] = mixed if inverse[row, column] != 0.0 else 0.0


@njit(cache=True, nogil=True, fastmath=True)
@no_type_check
def _times(network: Any, x: Any, out: Any) -> None:
    diagonal = network[5]
    height, width = x.shape
    for row in range(1, height - 1):
        for column in range(1, width - 1):
            around = _around(network, x, row, column)
            out[row, column] = diagonal[row, column] * x[row, column] - around


@njit(cache=True, nogil=True, fastmath=True)
@no_type_check
def _times_finest(x: Any, diagonal: Any, out: Any) -> None:
    height, width = x.shape
    for row in range(1, height - 1):
        for column in range(1, width - 1):
            product = diagonal[row, column] * x[row, column] - _around_finest(x, row, column)
            out[row, column] = product if diagonal[row, column] != 0.0 else 0.0


@njit(cache=True, nogil=True)
@no_type_check
def _missing(values: Any, hidden: Any, rest: Any) -> None:
    """By how much each equation is not yet fulfilled."""
    height, width = hidden.shape
    for y in range(height):
        for x in range(width):
            if not hidden[y, x]:
                continue
            total = 0.0
            for k in range(8):
                down, right = (0, 1, 1, 1, 0, -1, -1, -1)[k], (1, 0, 1, -1, -1, 0, -1, 1)[k]
                if 0 <= y + down < height and 0 <= x + right < width:
                    weight = 1 / 6 if down == 0 or right == 0 else 1 / 12
                    there = values[y + down + 1, x + right + 1]
                    total += weight * (there - values[y + 1, x + 1])
            rest[y + 1, x + 1] = total
