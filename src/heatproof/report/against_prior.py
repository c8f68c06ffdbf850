"""How a method does against the prior, the mean-mask map that never sees the film.

A method is better or worse than the prior only where the p of the paired difference, corrected over
all that the report compares, is small enough; otherwise no difference could be shown, which does
not mean that there is none.  From too few patients neither is said (``Estimate.hindrance``).
"""

import math
from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

from heatproof.analysis.localization import ControlRow, MethodRow
from heatproof.report.content import MetricText

_Ranked = TypeVar("_Ranked", MethodRow, ControlRow, MethodRow | ControlRow)


class AgainstPrior(StrEnum):
    """What the paired difference to the prior shows."""

    BETTER = "better"
    WORSE = "worse"
    OPEN = "no difference could be shown"
    TOO_FEW = "too few cases to compare"
    NONE = "not compared"


def against_prior(row: MethodRow) -> AgainstPrior:
    """What the paired difference of a method shows; above 0 the method is better."""
    difference = row.difference
    # A difference without a value is asked about first: comparisons with nan are all false.
    if difference is None or math.isnan(difference.value):
        return AgainstPrior.NONE
    if math.isnan(row.corrected):
        return AgainstPrior.TOO_FEW
    if row.corrected > 1 - difference.level:
        return AgainstPrior.OPEN
    return AgainstPrior.BETTER if difference.value > 0 else AgainstPrior.WORSE


def best_first(rows: Iterable[_Ranked], metric: MetricText) -> list[_Ranked]:
    """Rows ordered by value, the best first and undefined ones last."""
    sign = 1 if metric.lower_is_better else -1

    def rank(row: _Ranked) -> tuple[bool, float]:
        value = row.estimate.value
        # Sorting by nan itself would leave the order undefined.
        return (True, 0.0) if math.isnan(value) else (False, sign * value)

    return sorted(rows, key=rank)
