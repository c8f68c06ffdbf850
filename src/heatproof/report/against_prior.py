"""How a method does against the prior, the mean-mask map that never sees the film.

A method is better or worse than the prior only where the interval of the paired difference leaves
out 0; otherwise no difference could be shown, which does not mean that there is none.

With fewer than ``LEAST_CASES`` cases nothing is concluded: if all of them point the same way, every
bootstrap interval leaves out 0, and still a fair coin does so in more than 5% of trials (two-sided
sign test: 2 / 2**5).  With fewer than ``FEW_CASES`` the report says that there are few.
"""

import math
from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

from heatproof.analysis.localization import ControlRow, MethodRow
from heatproof.report.content import MetricText
from heatproof.types import Estimate

_Ranked = TypeVar("_Ranked", MethodRow, ControlRow, MethodRow | ControlRow)

LEAST_CASES = 6
FEW_CASES = 30


class AgainstPrior(StrEnum):
    """What the paired difference to the prior shows."""

    BETTER = "better"
    WORSE = "worse"
    OPEN = "no difference could be shown"
    TOO_FEW = "too few cases to compare"
    NONE = "not compared"


def against_prior(difference: Estimate | None) -> AgainstPrior:
    """What a paired difference shows; above 0 the method is better."""
    if difference is None or math.isnan(difference.value):
        return AgainstPrior.NONE
    if difference.cases < LEAST_CASES or math.isnan(difference.low) or math.isnan(difference.high):
        return AgainstPrior.TOO_FEW
    if difference.low > 0:
        return AgainstPrior.BETTER
    return AgainstPrior.WORSE if difference.high < 0 else AgainstPrior.OPEN


def best_first(rows: Iterable[_Ranked], metric: MetricText) -> list[_Ranked]:
    """Rows ordered by value, the best first and undefined ones last."""
    sign = 1 if metric.lower_is_better else -1

    def rank(row: _Ranked) -> tuple[bool, float]:
        value = row.estimate.value
        return (True, 0.0) if math.isnan(value) else (False, sign * value)

    return sorted(rows, key=rank)
