"""Spearman's rank correlation, and how sure it is.

Pearson's correlation of midranks.  The interval is by the cluster bootstrap, ranks made anew in
every resample; ``fisher`` gives the classical one for comparison with published tables.  Undefined
(``nan``) where one of the two is constant.  Pairs with a ``nan`` are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import atanh, sqrt, tanh
from statistics import NormalDist

import numpy as np
from jaxtyping import Float, Int

from heatproof.stats.bootstrap import statistic
from heatproof.types import Estimate


def spearman(
    first: Float[np.ndarray, " n"],
    second: Float[np.ndarray, " n"],
    clusters: Sequence[str],
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Do the two rise together?  -1 to 1.

    Args:
        first: One value per image.
        second: Of the same images in the same order.
        clusters: What is resampled as one, such as ``Sample.cluster``.
        resamples: Replicates.
        level: Of the interval.
        seed: Equal seeds and clusters make equal resamples.
    """
    both = np.isfinite(first) & np.isfinite(second)
    if not both.any():
        nan = float("nan")
        return Estimate(nan, nan, nan, level, 0, "no pair")
    names = [name for name, defined in zip(clusters, both, strict=True) if defined]
    compute = partial(_correlation, _Ties.of(first[both]), _Ties.of(second[both]))
    return statistic(compute, np.ones(len(names), bool), names, resamples, level, seed)


def fisher(correlation: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Fisher's interval of a correlation, which takes pairs for independent.

    ``nan`` for n below 4.  At a correlation of 1 or -1 it has no width.
    """
    if n <= 3 or not abs(correlation) <= 1:  # noqa: PLR2004
        return float("nan"), float("nan")
    if abs(correlation) == 1:
        return correlation, correlation
    half = NormalDist().inv_cdf((1 + level) / 2) / sqrt(n - 3)
    return tanh(atanh(correlation) - half), tanh(atanh(correlation) + half)


@dataclass(frozen=True)
class _Ties:
    """Values in order, as groups of equals.

    Attributes:
        order: Sorts the values.
        starts: Where in that order each group begins.
        group: Of each value.
    """

    order: Int[np.ndarray, " n"]
    starts: Int[np.ndarray, " t"]
    group: Int[np.ndarray, " n"]

    @classmethod
    def of(cls, values: Float[np.ndarray, " n"]) -> "_Ties":
        order = np.argsort(values, kind="stable")
        ranked = values[order]
        first = np.concatenate(([True], ranked[1:] != ranked[:-1]))
        group = np.empty(len(values), np.intp)
        group[order] = np.cumsum(first) - 1
        return cls(order, np.flatnonzero(first), group)

    def midranks(self, weights: Float[np.ndarray, "b n"]) -> Float[np.ndarray, "b n"]:
        """Where images stand if each counts as often as its weight says."""
        sizes = np.add.reduceat(weights[:, self.order], self.starts, axis=1)
        return np.asarray((np.cumsum(sizes, axis=1) - (sizes - 1) / 2)[:, self.group])


def _correlation(
    first: _Ties, second: _Ties, weights: Float[np.ndarray, "b n"]
) -> Float[np.ndarray, " b"]:
    total = weights.sum(axis=1, keepdims=True)
    centred = []
    for ties in (first, second):
        ranks = ties.midranks(weights)
        centred.append(ranks - (weights * ranks).sum(axis=1, keepdims=True) / total)
    x, y = centred
    spread = np.sqrt((weights * x**2).sum(axis=1) * (weights * y**2).sum(axis=1))
    found: np.ndarray = np.full(len(weights), np.nan)
    np.divide((weights * x * y).sum(axis=1), spread, out=found, where=spread > 0)
    return found
