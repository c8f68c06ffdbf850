"""How many readers and cases does the next study need?

From a pilot (or a published study) come the components of Obuchowski and Rockette; covariances of
figures shrink as cases grow, by pilot cases / cases, at the pilot's share of positive cases.  For
two modalities, r readers and a difference d

    mean square of error = var_mr + k (variance - cov1 + (r - 1) max(cov2 - cov3, 0))
    noncentrality        = r d^2 / (2 mean square),       k = pilot cases / cases

Hillis, Obuchowski & Berbaum, Acad Radiol 2011, doi:10.1016/j.acra.2010.09.007.  Power to show
non-inferiority is that of a one-sided test of the difference plus the margin.
"""

from dataclasses import dataclass
from math import inf, sqrt

from scipy.stats import nct, norm, t

from heatproof.errors import DataError
from heatproof.stats.mrmc.analysis import Random
from heatproof.stats.mrmc.obuchowski_rockette import Components

_MOST = 1_000_000


@dataclass(frozen=True)
class Pilot:
    """What is known beforehand of figures and their errors.

    Attributes:
        var_mr: Variance of modality by reader.
        variance: Of one figure, over cases.
        cov1: One reader, two modalities.
        cov2: Two readers, one modality.
        cov3: Two readers, two modalities.
        cases: How many cases these come of.
    """

    var_mr: float
    variance: float
    cov1: float
    cov2: float
    cov3: float
    cases: int

    @classmethod
    def of(cls, components: Components, cases: int) -> "Pilot":
        """From the analysis of a study in two or more modalities."""
        c = components
        return cls(max(c.var_mr, 0.0), c.variance, c.cov1, c.cov2, c.cov3, cases)

    def error(
        self, readers: int, cases: int, random: Random = Random.READERS_AND_CASES
    ) -> tuple[float, float]:
        """Standard error of the difference of two modalities, and its degrees of freedom."""
        shrunk, shared = self.cases / cases, max(self.cov2 - self.cov3, 0.0)
        alone = shrunk * (self.variance - self.cov1)
        if random == Random.CASES:
            return sqrt(2 / readers * (alone + shrunk * (readers - 1) * shared)), inf
        mean_square = self.var_mr + alone - shrunk * shared
        added = readers * shrunk * shared if random == Random.READERS_AND_CASES else 0.0
        total = mean_square + added
        return sqrt(2 / readers * total), (readers - 1) * (total / mean_square) ** 2


@dataclass(frozen=True)
class Goal:
    """What the next study is to show.

    Attributes:
        difference: The true difference that is taken for granted; first less second modality.
        margin: The largest loss that would not matter, for non-inferiority of the first modality;
            None to show a difference of either sign.
        random: What will be sampled.
        alpha: Two-sided error; non-inferiority is judged at half of it.
    """

    difference: float
    margin: float | None = None
    random: Random = Random.READERS_AND_CASES
    alpha: float = 0.05


def power(pilot: Pilot, goal: Goal, readers: int, cases: int) -> float:
    """The chance that a study of so many readers and cases shows it."""
    error, df = pilot.error(readers, cases, goal.random)
    if goal.margin is not None:
        shift = (goal.difference + goal.margin) / error
        if df == inf:
            return float(norm.sf(norm.isf(goal.alpha / 2) - shift))
        return float(nct.sf(t.isf(goal.alpha / 2, df), df, shift))
    shift = abs(goal.difference) / error
    if df == inf:
        limit = norm.isf(goal.alpha / 2)
        return float(norm.sf(limit - shift) + norm.cdf(-limit - shift))
    # F with one degree of freedom above is t squared; SciPy's noncentral F fails near 0.
    limit = t.isf(goal.alpha / 2, df)
    return float(nct.sf(limit, df, shift) + nct.cdf(-limit, df, shift))


def fewest_cases(pilot: Pilot, goal: Goal, readers: int, wanted: float = 0.8) -> int | None:
    """The fewest cases with which so many readers reach the power; None where none suffice.

    Args:
        pilot: What is known beforehand.
        goal: What is to be shown.
        readers: How many there will be; two or more, or one where cases alone are random.
        wanted: The power.

    Raises:
        DataError: Too few readers, or a power that is no share.
    """
    if readers < 1 + (goal.random != Random.CASES):
        raise DataError(f"{readers} readers; expected two or more, of whom others may be inferred")
    if not 0 < wanted < 1:
        raise DataError(f"a power of {wanted}; expected a share between 0 and 1, such as 0.8")
    high = 2
    while power(pilot, goal, readers, high) < wanted:
        if high >= _MOST:
            return None
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (
            (low, middle) if power(pilot, goal, readers, middle) >= wanted else (middle, high)
        )
    return high


def sizes(
    pilot: Pilot, goal: Goal, readers: range = range(3, 13), wanted: float = 0.8
) -> dict[int, int | None]:
    """The fewest cases for each number of readers."""
    return {count: fewest_cases(pilot, goal, count, wanted) for count in readers}
