"""Spearman's rank correlation, and how sure it is.

Pearson's correlation of midranks.  The interval is made on Fisher's scale, atanh, from the
correlations without each cluster in turn, ranks made anew each time; ``fisher`` gives the classical
one for comparison with published tables.  Undefined (``nan``) where one of the two is constant.
Pairs with a ``nan`` are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import atanh, sqrt, tanh
from statistics import NormalDist
from typing import Any, no_type_check

import numpy as np
from jaxtyping import Bool, Float, Int
from numba import njit

from heatproof.stats.estimates import statistic
from heatproof.types import Estimate


def spearman(
    first: Float[np.ndarray, " n"],
    second: Float[np.ndarray, " n"],
    clusters: Sequence[str],
    level: float = 0.95,
) -> Estimate:
    """The rank correlation of two series, from -1 to 1: do they rise together?

    At a correlation of 1 or -1, also without one cluster, there is no interval.

    Args:
        first: One value per image.
        second: The same for the other side, of the same images in the same order.
        clusters: What is independent, such as ``Sample.cluster``.
        level: Coverage of the interval, such as 0.95.
    """
    both = np.isfinite(first) & np.isfinite(second)
    if not both.any():
        nan = float("nan")
        return Estimate(nan, nan, nan, level, 0, "no pair")
    names = [name for name, defined in zip(clusters, both, strict=True) if defined]
    ordered = _Ordered.of(first[both]), _Ordered.of(second[both])

    def fisher_scale(weights: Float[np.ndarray, "b n"]) -> Float[np.ndarray, " b"]:
        # Fisher's scale is infinite at 1, of which rounding may fall short.
        correlations = _correlation(*ordered, weights).round(12)
        with np.errstate(divide="ignore"):
            scaled: np.ndarray = np.arctanh(correlations)
        return scaled

    estimate = statistic(fisher_scale, np.ones(len(names), bool), names, level)
    value, low, high = (tanh(end) for end in (estimate.value, estimate.low, estimate.high))
    return replace(estimate, value=value, low=low, high=high)


def fisher(correlation: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Fisher's interval of a correlation, which assumes that the pairs are independent.

    ``nan`` for n below 4.  At a correlation of 1 or -1 it has no width.
    """
    # The standard error is 1 / sqrt(n - 3), which needs four pairs.
    if n <= 3 or not abs(correlation) <= 1:  # noqa: PLR2004
        return float("nan"), float("nan")
    # `atanh` is infinite there.
    if abs(correlation) == 1:
        return correlation, correlation
    half = NormalDist().inv_cdf((1 + level) / 2) / sqrt(n - 3)
    return tanh(atanh(correlation) - half), tanh(atanh(correlation) + half)


@dataclass(frozen=True)
class _Ordered:
    """The order of some values, and which of them are equal.

    Attributes:
        order: Sorts the values.
        begins: Whether a group begins at each place of that order.
    """

    order: Int[np.ndarray, " n"]
    begins: Bool[np.ndarray, " n"]

    @classmethod
    def of(cls, values: Float[np.ndarray, " n"]) -> "_Ordered":
        order = np.argsort(values, kind="stable")
        ranked = values[order]
        return cls(order, np.concatenate(([True], ranked[1:] != ranked[:-1])))


def _correlation(
    first: _Ordered, second: _Ordered, weights: Float[np.ndarray, "b n"]
) -> Float[np.ndarray, " b"]:
    """The rank correlation at each row of weights, which are how often each image counts."""
    orders = np.stack([first.order, second.order])
    begins = np.stack([first.begins, second.begins])
    # Numba compiles anew for each memory layout, so weights always come in one.
    correlations: np.ndarray = _of_midranks(np.ascontiguousarray(weights), orders, begins)
    return correlations


# Midranks are compiled, since they once took half the time of a diagnosis of 668 films.
@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _of_midranks(weights: Any, orders: Any, begins: Any) -> Any:
    """The correlation of midranks at each row of weights; ``nan`` where one of the two is constant.

    Args:
        weights: ``b n``, how often each image counts.
        orders: ``2 n``, what sorts each of the two.
        begins: ``2 n``, whether a group of equals begins at each place of that order.
    """
    rows, images = weights.shape
    correlations, ranks = np.full(rows, np.nan), np.empty((2, images))
    for row in range(rows):
        counts, total = weights[row], weights[row].sum()
        for which in range(2):
            order, below, start, summed = orders[which], 0.0, 0, 0.0
            while start < images:
                end, size = start, 0.0
                while end == start or (end < images and not begins[which, end]):
                    size += counts[order[end]]
                    end += 1
                for place in range(start, end):
                    ranks[which, order[place]] = below + (size + 1) / 2
                summed += size * (below + (size + 1) / 2)
                below, start = below + size, end
            ranks[which] -= summed / total
        x, y = ranks
        spread = np.sqrt((counts * x**2).sum() * (counts * y**2).sum())
        if spread > 0:
            correlations[row] = (counts * x * y).sum() / spread
    return correlations
