"""The bootstrap as CheXlocalize's authors compute it, step by step, so that their numbers come out.

Use it to compare with their tables, and ``estimates.py`` and ``decrease.py`` for a conclusion.
What differs here (Saporta et al. 2022, https://github.com/rajpurkarlab/cheXlocalize):

- images are drawn, not patients, by NumPy's legacy generator, one ``choice`` per replicate;
- what is told as the mean is the mean of the replicates, not of the sample;
- the ends of an interval stand at fixed positions of the sorted replicates (the 25th and 975th of
  1,000), which count replicates without a case although those sort to the end: the upper end is
  ``nan`` for rare findings, and the lower one is moved;
- three decimals are kept, of the ends of a percentage decrease before they become per cent;
- Spearman's interval is Fisher's, with an n that the published table took from another one.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from heatproof.stats.estimates import row_means

_LOW, _HIGH = 0.025, 0.975  # the authors report 95 % intervals
PUBLISHED_SPEARMAN_N = 1534  # of the table of geometric features; the pairs were 2,365


@dataclass(frozen=True)
class Summary:
    """One number per finding, unrounded."""

    mean: Float[np.ndarray, " k"]
    low: Float[np.ndarray, " k"]
    high: Float[np.ndarray, " k"]

    def rounded(self) -> "Summary":
        """The same numbers to three decimals, as in the authors' tables."""
        return Summary(*(np.round(part, 3) for part in (self.mean, self.low, self.high)))


@dataclass(frozen=True)
class Percentage:
    """Percentage decreases, one number per finding and their macro average last."""

    value: Float[np.ndarray, " columns"]
    low: Float[np.ndarray, " columns"]
    high: Float[np.ndarray, " columns"]


def replicates(
    values: Float[np.ndarray, "n k"], resamples: int = 1000, seed: int = 0
) -> Float[np.ndarray, "b k"]:
    """Means of resamples of the rows, drawn once for all columns; ``nan`` is skipped.

    Args:
        values: One row per image in the order of their ids, one column per finding.
        resamples: Replicates.
        seed: Tables of as many rows share their draws: that is what pairs method and readers.
    """
    # The legacy generator, call by call, since other draws would give other numbers than theirs.
    generator = np.random.RandomState(seed)
    rows = len(values)
    counts = np.stack(
        [np.bincount(generator.choice(rows, rows), minlength=rows) for _ in range(resamples)]
    )
    defined = np.isfinite(values)
    cases = counts @ defined.astype(float)
    means: np.ndarray = np.full(cases.shape, np.nan)
    np.divide(counts @ np.where(defined, values, 0), cases, out=means, where=cases > 0)
    return means


def summary(replicates: Float[np.ndarray, "b k"]) -> Summary:
    """Mean and interval of the replicates, as the authors take them."""
    low, high = _positions(replicates)
    return Summary(row_means(replicates.T), low, high)


def percentage_decrease(
    method: Float[np.ndarray, "b k"], readers: Float[np.ndarray, "b k"]
) -> Percentage:
    """How many per cent the method is below the readers; both sides have the same draws.

    A finding in which a replicate of the readers is 0 has an infinite decrease there.
    """
    # The authors divide by readers of 0 as well, so only NumPy's warning is silenced.
    with np.errstate(divide="ignore", invalid="ignore"):
        decreases = (readers - method) / readers
        average = (row_means(readers) - row_means(method)) / row_means(readers)
    low, high = _positions(np.column_stack([decreases, average]))
    first, second = row_means(method.T), row_means(readers.T)
    shares = (second - first) / second
    # The authors round the mean of each finding before they average over findings.
    macro = [row_means(np.round(means, 3)[None])[0] for means in (first, second)]
    value = np.append(shares, (macro[1] - macro[0]) / macro[1])
    return Percentage(100 * value, 100 * np.round(low, 3), 100 * np.round(high, 3))


def _positions(replicates: Float[np.ndarray, "b k"]) -> tuple[np.ndarray, np.ndarray]:
    ordered = np.sort(replicates, axis=0)  # nan last
    # The authors' positions count from 0: 24 and 974 of 1,000.
    low, high = (int(share * len(replicates)) - 1 for share in (_LOW, _HIGH))
    return ordered[low], ordered[high]
