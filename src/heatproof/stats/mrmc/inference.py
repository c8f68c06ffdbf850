"""One estimate and its error: interval, p, and what may be concluded about a margin.

Every analysis of this room ends in such records, so that non-inferiority, equivalence and plain
difference are read from the same numbers.
"""

from dataclasses import dataclass
from math import inf, sqrt

from scipy.special import chdtrc, fdtrc, ndtr, ndtri, stdtr, stdtrit


@dataclass(frozen=True)
class Inference:
    """An estimate whose distance from the truth, by its error, follows Student's t.

    Attributes:
        estimate: Such as a mean AUC, or a difference of two.
        error: Its standard error.
        df: Degrees of freedom; infinite for the normal distribution.
        level: Coverage of the interval, such as 0.95.
        null: What is tested; 0 for differences.
    """

    estimate: float
    error: float
    df: float
    level: float = 0.95
    null: float = 0.0

    @property
    def statistic(self) -> float:
        """The distance from ``null`` in standard errors; nan where the error is 0."""
        return _ratio(self.estimate - self.null, self.error)

    @property
    def p(self) -> float:
        """Two-sided p of the hypothesis that the truth is ``null``."""
        return 2 * _below(-abs(self.statistic), self.df)

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.estimate - self._half_width

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.estimate + self._half_width

    @property
    def _half_width(self) -> float:
        return -_quantile((1 - self.level) / 2, self.df) * self.error

    def p_above(self, bound: float) -> float:
        """One-sided p of the hypothesis that the truth is ``bound`` or less."""
        return _below(-_ratio(self.estimate - bound, self.error), self.df)

    def p_non_inferior(self, margin: float) -> float:
        """One-sided p: small where the loss is smaller than a margin (higher is better).

        Judge it at half of what the interval leaves out, 0.025 at 95%: then it says the same as an
        interval that lies above ``-margin``.

        Args:
            margin: The largest loss that would not matter, declared beforehand; positive.
        """
        return self.p_above(-margin)

    def p_equivalent(self, margin: float) -> float:
        """The larger of two one-sided p (Schuirmann, doi:10.1007/BF01068419).

        Small where the truth lies within ``margin`` of 0 on both sides; judge it at 0.05, or at
        0.025 to agree with the interval at 95%.

        Args:
            margin: The largest difference that would not matter, declared beforehand; positive.
        """
        return max(
            self.p_above(-margin), _below(_ratio(self.estimate - margin, self.error), self.df)
        )


@dataclass(frozen=True)
class Omnibus:
    """One test of the hypothesis that all modalities are equal.

    Attributes:
        statistic: F; the chi-square statistic is F times ``df`` where ``error_df`` is infinite.
        df: Degrees of freedom of the modalities, one less than there are.
        error_df: Degrees of freedom of the error; infinite for chi-square.
    """

    statistic: float
    df: int
    error_df: float

    @property
    def p(self) -> float:
        """Chance of a statistic as large, or larger, of equal modalities."""
        if self.error_df == inf:
            return float(chdtrc(self.df, self.statistic * self.df))
        return float(fdtrc(self.df, self.error_df, self.statistic))


def _ratio(distance: float, error: float) -> float:
    return distance / error if error > 0 else float("nan")


def _below(statistic: float, df: float) -> float:
    return float(ndtr(statistic) if df == inf else stdtr(df, statistic))


def _quantile(p: float, df: float) -> float:
    return float(ndtri(p) if df == inf else stdtrit(df, p))


def standard_error(variance: float) -> float:
    """The root of a variance; nan of one that was estimated below 0."""
    return sqrt(variance) if variance >= 0 else float("nan")
