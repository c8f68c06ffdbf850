"""Gallas' one-shot analysis: U-statistics over readers and cases, whoever read what.

The mean over all pairs of cases that some reader compared estimates the figure.  Its variance is a
sum of eight moments of products of two credits: by the same reader (1 to 4) or by two (5 to 8), of
the same pair of cases (1, 5), of pairs that share the positive case (2, 6), the negative one (3, 7)
or none (4, 8).  Counting who read what gives the weight of each moment, so the design may be fully
crossed, split-plot, or have holes.

``unbiased`` estimates each moment from distinct readers and cases; ``mle`` takes the study for the
population, is never below 0, and is too large rather than too small.

Gallas, Acad Radiol 2006, doi:10.1016/j.acra.2005.11.030; Gallas, Bandos, Samuelson & Wagner, Commun
Stat Theory Methods 2009, doi:10.1080/03610920802610084.  Degrees of freedom are those of iMRMC, by
the components of reader and case ("BCK"); numbers equal iMRMC's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import floor, inf
from typing import Literal

import numpy as np
from jaxtyping import Float

from heatproof.errors import DataError
from heatproof.stats.mrmc.analysis import Analysis, Difference, Random
from heatproof.stats.mrmc.inference import Inference, standard_error
from heatproof.stats.mrmc.pairs import Pairs

Estimator = Literal["unbiased", "mle"]
_NORMAL_FROM = 50  # degrees of freedom above which iMRMC takes the normal distribution
# From sums over all pairs to sums over distinct ones: first within a reader, then between two.
_WITHIN = np.array([[1, 0, 0, 0], [-1, 1, 0, 0], [-1, 0, 1, 0], [1, -1, -1, 1]])
_DISTINCT = np.kron(np.array([[1, 0], [-1, 1]]), _WITHIN)
# Components of variance from moments (Gallas et al. 2009, eq. 19), and their coefficients.
_COMPONENTS = ("negative", "positive", "reader")
_OF_MOMENTS = np.array(
    [[0, 0, 0, 0, 0, 0, 1, -1], [0, 0, 0, 0, 0, 1, 0, -1], [0, 0, 0, 1, 0, 0, 0, -1]]
)
_COEFFICIENTS = np.array(
    [[1, 0, 1, 0, 1, 0, 1, 0], [1, 1, 0, 0, 1, 1, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0]]
)


@dataclass(frozen=True)
class Moments:
    """Covariance of the means of two modalities, which may be the same, in its parts.

    Attributes:
        unbiased: The eight moments from distinct readers and cases.
        mle: The eight moments of the study as a population.
        weights: How much each moment counts; the covariance is their sum of products.
    """

    unbiased: Float[np.ndarray, "8"]
    mle: Float[np.ndarray, "8"]
    weights: Float[np.ndarray, "8"]

    @classmethod
    def of(cls, credit: Float[np.ndarray, "8"], count: Float[np.ndarray, "8"]) -> "Moments":
        """From sums of products of credits over all pairs, and the number of products."""
        credit_apart, count_apart = _DISTINCT @ credit, _DISTINCT @ count
        weights = count_apart / count[7]
        weights[7] -= 1
        with np.errstate(invalid="ignore", divide="ignore"):
            unbiased, mle = credit_apart / count_apart, credit / count
        return cls(_filled(unbiased, count_apart), _filled(mle, count), weights)

    def covariance(self, estimator: Estimator) -> float:
        """Of the two means."""
        return float(self.weights @ (self.unbiased if estimator == "unbiased" else self.mle))

    @property
    def degrees(self) -> Float[np.ndarray, "3"]:
        """One less than the effective numbers of negative cases, positive cases and readers."""
        return np.asarray(np.round(1 / (_COEFFICIENTS @ self.weights) - 1))

    @property
    def components(self) -> Float[np.ndarray, "3"]:
        """Variance between negative cases, positive cases, and readers, by ``mle``."""
        return np.asarray(_OF_MOMENTS @ self.mle)


@dataclass(frozen=True)
class OneShot:
    """The moments of every two modalities of a study.

    Attributes:
        modalities: Names.
        means: Of each modality, every pair of cases that was compared alike.
        moments: Of modalities ``(a, b)`` with ``a <= b``.
    """

    modalities: tuple[str, ...]
    means: Float[np.ndarray, " m"]
    moments: Mapping[tuple[int, int], Moments]

    @classmethod
    def of(cls, pairs: Pairs, modalities: tuple[str, ...]) -> "OneShot":
        """Count and sum.

        Args:
            pairs: A figure whose rows and columns are different cases, all rows counting alike.
            modalities: Names.

        Raises:
            DataError: The figure is of another kind, or a modality was not read.
        """
        if np.intersect1d(pairs.rows, pairs.columns).size or pairs.row_sizes.max() > 1:
            raise DataError(
                "this figure is no mean over pairs of a positive and a negative case (froc, afroc);"
                " expected one that is, such as auc, wafroc or lroc. Obuchowski-Rockette takes all"
            )
        rows, columns = pairs.row_sizes, pairs.column_sizes
        compared = (rows.sum(2) * columns.sum(2)).sum(1)
        if unread := [name for name, n in zip(modalities, compared, strict=True) if not n]:
            raise DataError(f"no reader read positive and negative cases in {unread[0]!r}")
        credit = _sums(*_credit_sums(pairs))
        count = _sums(*_count_sums(rows, columns))
        places = range(len(modalities))
        moments = {
            (a, b): Moments.of(credit[:, a, b], count[:, a, b]) for a in places for b in places[a:]
        }
        return cls(modalities, pairs.credit.sum((1, 2, 3)) / compared, moments)

    def variance_of_difference(self, a: int, b: int, estimator: Estimator) -> float:
        """Of the means of two modalities."""
        parts = (self.moments[place].covariance(estimator) for place in ((a, a), (b, b), (a, b)))
        first, second, both = parts
        return first + second - 2 * both

    def analysis(self, estimator: Estimator = "unbiased", level: float = 0.95) -> Analysis:
        """Means and differences, for random readers and cases.

        Args:
            estimator: ``unbiased``, or ``mle``, which is never below 0.
            level: Coverage of the intervals.
        """
        means, differences = {}, []
        for m, name in enumerate(self.modalities):
            alone = self.moments[m, m]
            variance = alone.covariance(estimator)
            df = _degrees(variance, alone.components, alone.degrees)
            means[name] = Inference(float(self.means[m]), standard_error(variance), df, level)
        for a, b in combinations(range(len(self.modalities)), 2):
            first, second, both = self.moments[a, a], self.moments[b, b], self.moments[a, b]
            variance = self.variance_of_difference(a, b, estimator)
            components = first.components + second.components - 2 * both.components
            df = _degrees(variance, components, np.minimum(first.degrees, second.degrees))
            by = Inference(
                float(self.means[a] - self.means[b]), standard_error(variance), df, level
            )
            differences.append(Difference(self.modalities[a], self.modalities[b], by))
        return Analysis(Random.READERS_AND_CASES, None, means, tuple(differences))


def one_shot(
    pairs: Pairs,
    modalities: tuple[str, ...],
    estimator: Estimator = "unbiased",
    level: float = 0.95,
) -> Analysis:
    """Compare modalities, whoever read what; readers and cases are random.

    Args:
        pairs: A figure that compares positive with negative cases, or a share of cases.
        modalities: Names.
        estimator: ``unbiased``, or ``mle``, which is never below 0.
        level: Coverage of the intervals.
    """
    return OneShot.of(pairs, modalities).analysis(estimator, level)


def _filled(moments: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Moments of which a design has none (they weigh 0), so that their components come out as 0."""
    moments, known = moments.copy(), count > 0
    # A figure that compares no cases has one column, so that each even moment (columns differ) is
    # the one before it; likewise of one row, and of one reader (5 to 8 are 1 to 4).
    for bit in (1, 2, 4):
        for place in range(8):
            if place & bit and not known[place] and known[place - bit]:
                moments[place], known[place] = moments[place - bit], True
    return np.where(known, moments, 0.0)


def _degrees(variance: float, components: np.ndarray, degrees: np.ndarray) -> float:
    """Satterthwaite's, no fewer than the scarcest of readers and cases (Gaylor & Hopper 1969)."""
    if variance < 0:
        return float("nan")
    there = degrees > 0
    spread = float((components[there] ** 2 / degrees[there] ** 3).sum())
    df = max(variance**2 / spread if spread > 0 else inf, float(degrees[there].min(initial=inf)))
    return inf if df > _NORMAL_FROM else float(floor(df))


def _credit_sums(pairs: Pairs) -> tuple[np.ndarray, ...]:
    """Products of credits of every two figures: of the same pair, row, column, and of all."""
    m, r, p, q = pairs.credit.shape
    credit = pairs.credit.reshape(m * r, p, q)
    flat, rows, columns = credit.reshape(m * r, p * q), credit.sum(2), credit.sum(1)
    whole = rows.sum(1)
    products = flat @ flat.T, rows @ rows.T, columns @ columns.T, np.outer(whole, whole)
    return tuple(product.reshape(m, r, m, r) for product in products)


def _count_sums(rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, ...]:
    """The number of those products, from who read what."""
    m, r = rows.shape[:2]
    rows, columns = rows.reshape(m * r, -1), columns.reshape(m * r, -1)
    both_rows, both_columns = rows @ rows.T, columns @ columns.T
    all_rows = np.outer(rows.sum(1), rows.sum(1))
    all_columns = np.outer(columns.sum(1), columns.sum(1))
    counts = (
        both_rows * both_columns,
        both_rows * all_columns,
        all_rows * both_columns,
        all_rows * all_columns,
    )
    return tuple(count.reshape(m, r, m, r) for count in counts)


def _sums(*products: np.ndarray) -> Float[np.ndarray, "8 m m"]:
    """Summed over one reader, then over every two readers."""
    one = [np.einsum("arbr->ab", product) for product in products]
    two = [product.sum((1, 3)) for product in products]
    return np.stack([*one, *two])
