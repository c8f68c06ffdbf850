"""How sure is a number?  Hall's skewness-corrected t, and one interval of several factors.

Scores are bounded, so their means are skewed, and an interval that takes them for normal, or that
takes percentiles of resamples, ends too early on the side of the long tail: with losses that are
rare and large it says "no worse" far too often.  Hall's transformation (J R Stat Soc B 1992,
54:221) takes the skewness off: with the mean m, the standard deviation s and the skewness c of n
values,

    w = (m - mu) / s,    t = sqrt(n) (w + c w^2 / 3 + c^2 w^3 / 27 + c / (6 n))

follows Student's t with n - 1 degrees of freedom to the second order.  It is monotone in mu and
is turned around in closed form: no resampling, no seed, and p-values as small as many tests need.
A sample of few underestimates the skewness of a long tail, most of all when it lacks the tail; c is
therefore the unbiased sample skewness times 1 + 2 / sqrt(n).  Of values that lie far out on both
sides it sees skewness where there is none; so each end is the farther one of Hall's and Student's.
``benchmarks/verdicts.py`` measures both: errors of at most about 2.5% a side from 20 values on,
where percentile intervals and Student's have up to 10% (20 patients with rare big losses), and
Hall's alone 5% (values far out on both sides).

The values are contributions of units (patients) to a number.  Where the number varies with other
factors too (which models were trained, which random weights were drawn), each of them has an
interval of its own, Student's t, with as many degrees of freedom as it has units less one; few
units make it wide.  Distances of the ends from the number are added in squares (MOVER: Zou &
Donner, Stat Med 2008, 27:1693).  That holds however the factors are crossed; what two factors do
together is counted with both, which errs on the wide side.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq
from scipy.special import stdtrit

from heatproof.stats.contributions import Contributions

PATIENTS = "patients"
"""The factor whose contributions are corrected for skewness; all others have few units."""
_NAN = float("nan")
_ROUNDING = 1e-9  # a difference of means of numbers between 0 and 1 that is no difference
_LEAST = 1e-12  # the smallest p that is looked for


@dataclass(frozen=True)
class Certainty:
    """How sure it is that a number is above 0, or below.

    Attributes:
        value: The number itself.
        low: Lower end of its interval; ``nan`` where there is none.
        high: Upper end of its interval; ``nan`` where there is none.
        above: One-sided p that it is not above 0; 1 where it cannot be computed.
        below: One-sided p that it is not below 0; 1 where it cannot be computed.
    """

    value: float
    low: float
    high: float
    above: float
    below: float


def certainty(contributions: Contributions, level: float = 0.95) -> Certainty:
    """The interval and p-values of a number; an interval excludes 0 exactly when a p is below its
    tail.

    Without contributions of patients there is no interval.  What does not vary at all is certain.

    Args:
        contributions: The number, and what each unit adds to it.
        level: Coverage of the interval, in (0, 1).
    """
    value = contributions.value
    if not contributions.units(PATIENTS):
        return Certainty(value, _NAN, _NAN, 1.0, 1.0)
    sides = _Sides(contributions)
    tail = (1 - level) / 2
    return Certainty(
        value=value,
        low=value - sides.down(tail),
        high=value + sides.up(tail),
        above=_p(sides.down, sides.up, value),
        below=_p(sides.up, sides.down, -value),
    )


def planned_width(contributions: Contributions, units: Mapping[str, float], tail: float) -> float:
    """How far the farther end of the interval would lie from the number, with more units.

    Args:
        contributions: The number, and what each unit at hand adds to it.
        units: The number of units of each factor that is planned for, of the same kind.
        tail: What the interval leaves out on that side.
    """
    sides = _Sides(contributions, units)
    return max(sides.down(tail), sides.up(tail))


class _Sides:
    """The distances of the ends of an interval from the number, at any tail."""

    def __init__(
        self, contributions: Contributions, planned: Mapping[str, float] | None = None
    ) -> None:
        of_patients = contributions.of[PATIENTS]
        have = {factor: float(len(pseudo)) for factor, pseudo in contributions.of.items()}
        units = have | dict(planned or {})
        self._size = units[PATIENTS]
        skewness, self._deviation = _moments(of_patients)
        # A sample of few lacks a part of its tail.
        self._skewness = skewness * (1 + 2 / sqrt(self._size))
        self._others = [
            (units[factor] - 1, contributions.variance(factor) * have[factor] / units[factor])
            for factor in contributions.of
            if factor != PATIENTS
        ]

    def down(self, tail: float) -> float:
        """How far the lower end lies below the number."""
        quantile = -float(stdtrit(self._size - 1, tail))
        return self._joined(max(self._turned(quantile), quantile / sqrt(self._size)), tail)

    def up(self, tail: float) -> float:
        """How far the upper end lies above the number."""
        quantile = -float(stdtrit(self._size - 1, tail))
        return self._joined(max(-self._turned(-quantile), quantile / sqrt(self._size)), tail)

    def _turned(self, quantile: float) -> float:
        """(m - mu) / s where Hall's t has that value."""
        share, n, c = quantile / sqrt(self._size), self._size, self._skewness
        if abs(c) < _ROUNDING:
            return share
        return float(3 / c * (np.cbrt(1 + c * (share - c / (6 * n))) - 1))

    def _joined(self, of_patients: float, tail: float) -> float:
        squares = sum(stdtrit(freedom, tail) ** 2 * variance for freedom, variance in self._others)
        return sqrt((self._deviation * max(of_patients, 0.0)) ** 2 + float(squares))


def _moments(pseudo: Float[np.ndarray, " u"]) -> tuple[float, float]:
    """The unbiased skewness and the standard deviation; the mean is 0."""
    size = len(pseudo)
    squares = float(pseudo @ pseudo)
    # What is left of rounding would have a skewness of its own.
    if sqrt(squares / size) < _ROUNDING:
        return 0.0, 0.0
    deviation = sqrt(squares / (size - 1))
    if size < 3:  # noqa: PLR2004  two values have no skewness
        return 0.0, deviation
    plain = float((pseudo**3).mean()) / (squares / size) ** 1.5
    return plain * sqrt(size * (size - 1)) / (size - 2), deviation


def _p(toward: Callable[[float], float], away: Callable[[float], float], value: float) -> float:
    """The tail at which the end of the interval on the way to 0 reaches it."""
    if abs(value) <= _ROUNDING and toward(0.25) < _ROUNDING:
        return 1.0  # nothing varies about 0
    if value <= 0:
        # Behind 0 the p of this side is what the other side leaves.
        return 1 - _p(away, toward, -value) if value < 0 else 0.5
    if toward(_LEAST) < value:
        return _LEAST
    # Skewness may put 0 beyond the reach of any tail below one half.
    if toward(0.5 - _LEAST) >= value:
        return 0.5
    return float(brentq(lambda tail: toward(tail) - value, _LEAST, 0.5 - _LEAST, xtol=1e-13))
