"""How many cases does a conclusion need?

For a declared margin, never for the observed effect: power at the effect that was found only
repeats the p-value (Hoenig & Heisey 2001).  Assumed is a method as good as the readers, whose
paired differences vary as they do here; wanted is a chance of ``power`` that the interval of the
difference lies above -margin (see ``margin.py``).  So only the spread of the differences is taken
from the data:

    n such that a one-sided t-test at (1 - level) / 2 finds margin / spread with that power

counted in patients, whose images go together (spread: of a patient's share in the mean), and told
in images at as many images per patient as here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from jaxtyping import Float
from statsmodels.stats.power import TTestPower

from heatproof.stats.clusters import membership


@dataclass(frozen=True)
class SampleSize:
    """The number of cases that a conclusion needs.

    Attributes:
        cases: Annotated images; None where it cannot be computed (fewer than two patients).
        patients: Clusters; None likewise.
        power: The power that the images at hand have; nan likewise.
        margin: The margin that was declared, in the unit of the metric.
    """

    cases: int | None
    patients: int | None
    power: float
    margin: float


def needed(
    differences: Float[np.ndarray, " n"],
    clusters: Sequence[str],
    margin: float,
    level: float = 0.95,
    power: float = 0.8,
) -> SampleSize:
    """The number of cases that a conclusion about a margin needs.

    Args:
        differences: Method minus readers, one per image; ``nan`` is left out.  Their mean does not
            matter.
        clusters: Such as ``Sample.cluster``.
        margin: The largest loss that would not matter, above 0.
        level: Coverage of the interval that the conclusion is drawn from, such as 0.95.
        power: The chance to draw it where method and readers are equal.

    Raises:
        ValueError: The margin is not above 0.
    """
    if not margin > 0:
        raise ValueError(f"margin = {margin}; expected a loss above 0, such as .05 of IoU")
    defined = np.isfinite(differences)
    values = differences[defined]
    members, size = membership([name for name, d in zip(clusters, defined, strict=True) if d])
    if size < 2:  # noqa: PLR2004
        return SampleSize(None, None, float("nan"), margin)
    spread = _spread(values, members, size)
    per_patient = len(values) / size
    # Two patients are the fewest that have a spread, even if it is 0.
    if spread == 0:
        return SampleSize(ceil(2 * per_patient), 2, 1.0, margin)
    test, alpha, effect = TTestPower(), (1 - level) / 2, margin / spread
    have = float(test.power(effect, size, alpha, alternative="larger"))
    patients = _fewest(test, effect, alpha, power)
    return SampleSize(ceil(patients * per_patient), patients, have, margin)


def _spread(values: np.ndarray, members: np.ndarray, size: int) -> float:
    """The standard deviation of what patients add to the mean, counted alike."""
    shares = np.bincount(members, values - values.mean(), size) * size / len(values)
    return sqrt(float(shares @ shares) / (size - 1))


def _fewest(test: TTestPower, effect: float, alpha: float, power: float) -> int:
    """The smallest number with enough power, by doubling and halving: power grows with n, and a
    solver would need a start.
    """

    def enough(n: int) -> bool:
        return bool(test.power(effect, n, alpha, alternative="larger") >= power)

    # A t-test with fewer than two patients has no degree of freedom.
    high = 2
    while not enough(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
