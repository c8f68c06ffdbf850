"""How a method does against the prior, the mean-mask map that never sees the film.

A method is better or worse than the prior only where the interval of the paired difference leaves
out 0; otherwise no difference could be shown, which does not mean that there is none.

With fewer than ``TO_CONCLUDE`` cases neither is said (``analysis.rare``).
"""

import math
from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

from heatproof.analysis.localization import ControlRow, MethodRow
from heatproof.analysis.rare import TO_CONCLUDE
from heatproof.report.content import MetricText
from heatproof.types import Estimate

_Ranked = TypeVar("_Ranked", MethodRow, ControlRow, MethodRow | ControlRow)


class AgainstPrior(StrEnum):
    """What the paired difference to the prior shows."""

    BETTER = "better"
    WORSE = "worse"
    OPEN = "no difference could be shown"
    TOO_FEW = "too few cases to compare"
    NONE = "not compared"


def against_prior(difference: Estimate | None) -> AgainstPrior:
    """What a paired difference shows; above 0 the method is better."""
    # A difference without a value is asked about first: comparisons with nan are all false.
    if difference is None or math.isnan(difference.value):
        return AgainstPrior.NONE
    if difference.cases < TO_CONCLUDE or math.isnan(difference.low) or math.isnan(difference.high):
        return AgainstPrior.TOO_FEW
    if difference.low > 0:
        return AgainstPrior.BETTER
    return AgainstPrior.WORSE if difference.high < 0 else AgainstPrior.OPEN


def best_first(rows: Iterable[_Ranked], metric: MetricText) -> list[_Ranked]:
    """Rows ordered by value, the best first and undefined ones last."""
    sign = 1 if metric.lower_is_better else -1

    def rank(row: _Ranked) -> tuple[bool, float]:
        value = row.estimate.value
        # Sorting by nan itself would leave the order undefined.
        return (True, 0.0) if math.isnan(value) else (False, sign * value)

    return sorted(rows, key=rank)
