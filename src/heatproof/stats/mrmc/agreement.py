"""Do readers agree: with each other, with themselves, in categories and in measurements?

=======================  =========================================================================
``kappa``                two readers, categories: Cohen's, perhaps weighted by distance
``fleiss``               any number of readers, categories
``intraclass``           any number of readers, measurements: the six forms of Shrout & Fleiss
                         (Psychol Bull 1979, doi:10.1037/0033-2909.86.2.420)
``limits_of_agreement``  two methods or readers, measurements, perhaps repeated: where 95% of
                         differences lie (Bland & Altman, J Biopharm Stat 2007,
                         doi:10.1080/10543400701329422; intervals of Zou, Stat Methods Med Res 2013,
                         doi:10.1177/0962280211402548)
=======================  =========================================================================

Kappa is 1 for full agreement and 0 for that of chance; it falls as a category becomes rare, so two
studies of different prevalence cannot be compared by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import chi2, norm
from scipy.stats import f as f_distribution
from statsmodels.stats.inter_rater import aggregate_raters, cohens_kappa, fleiss_kappa

from heatproof.errors import DataError
from heatproof.stats.mrmc.inference import Inference

Form = Literal["one-way", "agreement", "consistency"]


@dataclass(frozen=True)
class Interval:
    """An estimate with an interval that need not be symmetric."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Limits:
    """Where differences lie.

    Attributes:
        bias: The mean difference.
        sd: Standard deviation of a single difference.
        lower: The lower limit, with its interval.
        upper: The upper limit, with its interval.
    """

    bias: float
    sd: float
    lower: Interval
    upper: Interval


def kappa(
    first: Int[np.ndarray, " n"],
    second: Int[np.ndarray, " n"],
    weights: Literal["linear", "quadratic"] | None = None,
    level: float = 0.95,
) -> Inference:
    """Cohen's kappa of two readers, its error by the delta method.

    Args:
        first: The category that a reader gave each case, from 0; of ordered ones, in their order.
        second: Those of the other.
        weights: How much near misses count; None counts full agreement alone.
        level: Coverage of the interval.
    """
    categories = int(max(first.max(), second.max())) + 1
    table = np.zeros((categories, categories))
    np.add.at(table, (first, second), 1)
    kind = {None: None, "linear": "linear", "quadratic": "quadratic"}[weights]
    found = cohens_kappa(table, wt=kind)
    return Inference(float(found.kappa), float(found.std_kappa), inf, level)


def fleiss(categories: Int[np.ndarray, "n r"], level: float = 0.95) -> Inference:
    """Fleiss' kappa of several readers, its error by leaving out each case in turn.

    Args:
        categories: The category that each reader gave each case, from 0.
        level: Coverage of the interval.
    """
    counts, _ = aggregate_raters(categories)
    n = len(counts)
    value = float(fleiss_kappa(counts))
    without = np.array([fleiss_kappa(np.delete(counts, i, axis=0)) for i in range(n)])
    error = sqrt((n - 1) / n * float(np.square(without - without.mean()).sum()))
    return Inference(value, error, float(n - 1), level)


def intraclass(
    values: Float[np.ndarray, "n r"],
    form: Form = "agreement",
    averaged: bool = False,
    level: float = 0.95,
) -> Interval:
    """Intraclass correlation: the share of the variance of measurements that is that of cases.

    Args:
        values: What each reader measured on each case; nothing is missing.
        form: ``one-way`` where each case has other readers; ``agreement`` of random readers, who
            must agree in their level, too; ``consistency`` of these readers alone, whatever their
            level.  ICC(1), ICC(2) and ICC(3) of Shrout & Fleiss.
        averaged: Of the mean of all readers (``ICC(., r)``), not of a single one.
        level: Coverage of the interval (Shrout & Fleiss; for ``agreement``, McGraw & Wong, Psychol
            Methods 1996, doi:10.1037/1082-989X.1.1.30).
    """
    n, r = values.shape
    if n < 2 or r < 2:  # noqa: PLR2004
        raise DataError(f"{n} cases by {r} readers; expected two or more of each")
    mean = values.mean()
    of_case, of_reader = values.mean(1), values.mean(0)
    cases = r * float(np.square(of_case - mean).sum()) / (n - 1)
    readers = n * float(np.square(of_reader - mean).sum()) / (r - 1)
    within = float(np.square(values - of_case[:, None]).sum()) / (n * (r - 1))
    left = float(np.square(values - of_case[:, None] - of_reader + mean).sum())
    error = left / ((n - 1) * (r - 1))
    tail = (1 - level) / 2
    if form == "agreement":
        value = (cases - error) / (cases + (r - 1) * error + r * (readers - error) / n)
        ends = _of_agreement(value, (cases, readers, error), (n, r), tail)
        single = Interval(value, *ends)
    else:
        by, df = (within, n * (r - 1)) if form == "one-way" else (error, (n - 1) * (r - 1))
        ratio = cases / by
        low = ratio / float(f_distribution.isf(tail, n - 1, df))
        high = ratio * float(f_distribution.isf(tail, df, n - 1))
        single = Interval(*((each - 1) / (each + r - 1) for each in (ratio, low, high)))
    if not averaged:
        return single
    # Spearman and Brown: of the mean of r readers; exact for the ends, too.
    return Interval(
        *(r * each / (1 + (r - 1) * each) for each in (single.value, single.low, single.high))
    )


def _of_agreement(
    value: float, squares: tuple[float, float, float], shape: tuple[int, int], tail: float
) -> tuple[float, float]:
    (cases, readers, error), (n, r) = squares, shape
    a = r * value / (n * (1 - value))
    b = 1 + r * value * (n - 1) / (n * (1 - value))
    df = (a * readers + b * error) ** 2 / (
        (a * readers) ** 2 / (r - 1) + (b * error) ** 2 / ((n - 1) * (r - 1))
    )
    below = float(f_distribution.isf(tail, n - 1, df))
    above = float(f_distribution.isf(tail, df, n - 1))
    others = r * readers + (r * n - r - n) * error
    low = n * (cases - below * error) / (below * others + n * cases)
    high = n * (above * cases - error) / (others + n * above * cases)
    return low, high


def limits_of_agreement(
    differences: Float[np.ndarray, " k"],
    cases: Sequence[str],
    share: float = 0.95,
    level: float = 0.95,
) -> Limits:
    """Where single differences lie, when a case may be measured several times.

    The variance of a difference is that between the means of cases and that within cases; taking
    repeated measurements for independent ones gives limits that are too narrow.

    Args:
        differences: One method or reader less the other, a row for each pair of measurements.
        cases: The case of each row; its true value may change from row to row.
        share: Of differences that lie within the limits.
        level: Coverage of the intervals of both limits.
    """
    names, members = np.unique(np.asarray(cases, dtype=str), return_inverse=True)
    sizes = np.bincount(members)
    n, rows = len(names), len(differences)
    if n < 2:  # noqa: PLR2004
        raise DataError(f"{n} case; expected differences of two cases or more")
    means = np.bincount(members, differences) / sizes
    bias, between = float(means.mean()), float(means.var(ddof=1))
    within_df = rows - n
    squares = float(np.square(differences - means[members]).sum())
    within = squares / within_df * float(1 - (1 / sizes).mean()) if within_df else 0.0
    sd = sqrt(between + within)
    z, wide = float(norm.isf((1 - share) / 2)), float(norm.isf((1 - level) / 2))

    def end(tail: float) -> float:
        """The end of an interval for the variance: those of both parts, squared and added."""
        parts = [(between, n - 1), *([(within, within_df)] if within_df else [])]
        off = [part * (df / float(chi2.ppf(tail, df)) - 1) for part, df in parts]
        side = sqrt(sum(each**2 for each in off))
        return sd**2 + (side if tail < 0.5 else -side)  # noqa: PLR2004

    tail = (1 - level) / 2
    of_bias = wide * sqrt(between / n)
    outer = sqrt(of_bias**2 + (z * (sqrt(end(tail)) - sd)) ** 2)
    inner = sqrt(of_bias**2 + (z * (sd - sqrt(max(end(1 - tail), 0.0)))) ** 2)
    lower, upper = bias - z * sd, bias + z * sd
    return Limits(
        bias,
        sd,
        Interval(lower, lower - outer, lower + inner),
        Interval(upper, upper - inner, upper + outer),
    )
