"""How sure is a mean?  Resample whole patients, and look at how far it moves.

The cluster bootstrap: clusters (patients, or images where the caller passes image ids) are drawn
with replacement, as many as there are, all images of a cluster together.  A replicate is a vector
of how often each cluster was drawn, so that all replicates of a mean are one product of matrices.
The estimate is the sample mean itself; the interval lies between percentiles of the replicates
(Efron & Tibshirani 1993, chapter 13).

Values that are ``nan`` are left out, their clusters stay in the draw: how many values are defined
is itself a matter of chance.  Replicates without any value are left out too.  Fewer than two
clusters with a defined value make no interval: ``nan``.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, Int

from heatproof.types import Estimate

_BLOCK = 1 << 20  # numbers held at once: 8 MB
Statistic = Callable[[Float[np.ndarray, "b n"]], Float[np.ndarray, " b"]]
"""A function of how often each image counts, one row per replicate, to one number per row."""
_NOWHERE = (float("nan"), float("nan"))  # the interval where there is none


def mean(
    values: Float[np.ndarray, " n"],
    clusters: Sequence[str],
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """The mean of the defined values.

    Args:
        values: One per image; ``nan`` where undefined.
        clusters: What is resampled as one, such as ``Sample.cluster``.
        resamples: Replicates.
        level: Coverage of the interval, such as 0.95.
        seed: Equal seeds and clusters make equal resamples.
    """
    return macro(values[:, None], clusters, resamples, level, seed)


def macro(
    values: Float[np.ndarray, "n k"],
    clusters: Sequence[str],
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """The mean over findings of the mean of each, so that rare findings count as much as common.

    A finding without a defined value is left out, of a resample likewise.

    Args:
        values: One row per image, one column per finding; ``nan`` where undefined.
        clusters: As in ``mean``; drawn once for all findings.
        resamples: As in ``mean``.
        level: As in ``mean``.
        seed: As in ``mean``.
    """
    defined = np.isfinite(values)
    cases = int(defined.sum())
    counted = defined.any(axis=1)
    informative = len({name for name, row in zip(clusters, counted, strict=True) if row})
    value, low, high = float("nan"), *_NOWHERE
    if cases:
        whole, replicates = means(values, clusters, resamples, seed)
        value = float(row_means(whole)[0])
        # Defined resamples of a single informative cluster are all equal and say nothing of chance.
        if informative > 1:
            low, high = interval(row_means(replicates), level)
    undefined = int((~counted).sum())
    left_out = f"; {undefined} undefined left out" if undefined else ""
    method = f"bootstrap of {informative} clusters, {resamples} resamples"
    return Estimate(value, low, high, level, cases, method + left_out)


def difference(
    first: Float[np.ndarray, " n"],
    second: Float[np.ndarray, " n"],
    clusters: Sequence[str],
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """The mean of first minus second, image by image; a pair counts where both are defined.

    Args:
        first: One value per image.
        second: The same for the other side, of the same images in the same order.
        clusters: As in ``mean``.
        resamples: As in ``mean``.
        level: As in ``mean``.
        seed: As in ``mean``.
    """
    return mean(first - second, clusters, resamples, level, seed)


def statistic(
    compute: Statistic,
    cases: Bool[np.ndarray, " n"],
    clusters: Sequence[str],
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """A number that is defined over all images only, such as an average precision.

    Args:
        compute: The number; ``nan`` where undefined.  The estimate counts every image once.
        cases: Images that stand behind the number; the others, such as films without the finding,
            are drawn as well.
        clusters: As in ``mean``, one per image.
        resamples: As in ``mean``.
        level: As in ``mean``.
        seed: As in ``mean``.
    """
    members, size = membership(clusters)
    value = float(compute(np.ones((1, len(members))))[0])
    low, high = _NOWHERE
    if len(np.unique(members[cases])) > 1 and np.isfinite(value):
        blocks = draws(size, resamples, seed, len(members))
        low, high = interval(
            np.concatenate([compute(counts[:, members]) for counts in blocks]), level
        )
    method = f"bootstrap of {size} clusters, {resamples} resamples"
    return Estimate(value, low, high, level, int(cases.sum()), method)


def draws(
    clusters: int, resamples: int, seed: int, width: int = 0
) -> Iterator[Float[np.ndarray, "b clusters"]]:
    """How often each replicate draws each cluster, in blocks that fit into memory.

    Args:
        clusters: How many there are.
        resamples: Replicates in all.
        seed: Equal seeds make equal draws, whatever the blocks.
        width: How many numbers per replicate the caller will hold, if more than ``clusters``.
    """
    # The generator goes on from block to block, so the draws do not depend on their size.
    block = max(1, _BLOCK // max(clusters, width))
    # Draws of one block alone are cached, so that the cache stays within four blocks.
    if resamples <= block:
        yield _all_draws(clusters, resamples, seed)
        return
    generator = np.random.default_rng(seed)
    for start in range(0, resamples, block):
        yield _drawn(generator, min(block, resamples - start), clusters)


@lru_cache(maxsize=4)  # metrics of one finding are asked for one after the other
def _all_draws(clusters: int, resamples: int, seed: int) -> Float[np.ndarray, "b clusters"]:
    counts = _drawn(np.random.default_rng(seed), resamples, clusters)
    # The cache hands the same array to every caller, so none may write on it.
    counts.setflags(write=False)
    return counts


def _drawn(
    generator: np.random.Generator, rows: int, clusters: int
) -> Float[np.ndarray, "rows clusters"]:
    numbers = generator.integers(clusters, size=(rows, clusters))
    numbers += (
        np.arange(rows)[:, None] * clusters
    )  # a range of numbers for each row, so that one count serves all
    counts = np.bincount(numbers.ravel(), minlength=rows * clusters)
    return counts.reshape(rows, clusters).astype(float)


def interval(replicates: Float[np.ndarray, " b"], level: float) -> tuple[float, float]:
    """Percentiles of the defined replicates; ``nan`` where none is defined."""
    # Undefined replicates sort to the end and would make the upper end nan for rare findings.
    defined = replicates[np.isfinite(replicates)]
    if defined.size == 0:
        return _NOWHERE
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def membership(clusters: Sequence[str]) -> tuple[Int[np.ndarray, " n"], int]:
    """The number of each image's cluster, and how many clusters there are.

    Numbers go by first appearance, so that renaming patients changes no interval.
    """
    return _membership(tuple(clusters))


@lru_cache(maxsize=64)  # metric after metric is asked for the same patients
def _membership(clusters: tuple[str, ...]) -> tuple[Int[np.ndarray, " n"], int]:
    numbers: dict[str, int] = {}
    members = np.array(
        [numbers.setdefault(cluster, len(numbers)) for cluster in clusters], dtype=np.intp
    )
    members.setflags(write=False)
    return members, len(numbers)


def means(
    values: Float[np.ndarray, "n k"], clusters: Sequence[str], resamples: int, seed: int
) -> tuple[Float[np.ndarray, "1 k"], Float[np.ndarray, "b k"]]:
    """The mean of each column's defined values (``nan`` without any), and its replicates.

    All columns share their draws: row by row, replicates of two columns, or of two tables with
    equal clusters and seed, are paired.
    """
    members, size = membership(clusters)
    defined = np.isfinite(values)
    # An undefined value adds 0 to the sum and to the count, so products of matrices skip it.
    sums, counts = (
        np.stack([np.bincount(members, column, size) for column in table.T], axis=1)
        for table in (np.where(defined, values, 0), defined)
    )
    replicates = [_ratio(weights, sums, counts) for weights in draws(size, resamples, seed)]
    return _ratio(np.ones((1, size)), sums, counts), np.concatenate(replicates)


def row_means(table: Float[np.ndarray, "b k"]) -> Float[np.ndarray, " b"]:
    """The mean of each row's defined values; ``nan`` without any."""
    defined = np.isfinite(table)
    rows: np.ndarray = np.full(len(table), np.nan)
    counts = defined.sum(axis=1)
    np.divide(np.where(defined, table, 0).sum(axis=1), counts, out=rows, where=counts > 0)
    return rows


def _ratio(
    weights: Float[np.ndarray, "b clusters"],
    sums: Float[np.ndarray, "clusters k"],
    counts: Float[np.ndarray, "clusters k"],
) -> Float[np.ndarray, "b k"]:
    total = weights @ counts
    ratios: np.ndarray = np.full(total.shape, np.nan)
    # A resample may draw no defined value and then stays nan.
    np.divide(weights @ sums, total, out=ratios, where=total > 0)
    return ratios
