"""What a paired difference to the prior is called: better, worse, or open."""

import math
from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

from heatproof.analysis.localization import Control, Row
from heatproof.report.described import Metric
from heatproof.types import Estimate

Measured = TypeVar("Measured", Row, Control, Row | Control)


LEAST = 6


FEW = 30


class Verdict(StrEnum):
    """What a paired difference to the prior shows."""

    BETTER = "better"
    WORSE = "worse"
    OPEN = "no difference could be shown"
    TOO_FEW = "too few cases to compare"
    NONE = "not compared"


def verdict(difference: Estimate | None) -> Verdict:
    """Whether a paired difference shows better or worse."""
    if difference is None or math.isnan(difference.value):
        return Verdict.NONE
    if difference.cases < LEAST or math.isnan(difference.low) or math.isnan(difference.high):
        return Verdict.TOO_FEW
    if difference.low > 0:
        return Verdict.BETTER
    return Verdict.WORSE if difference.high < 0 else Verdict.OPEN


def best_first(rows: Iterable[Measured], metric: Metric) -> list[Measured]:
    """By value, undefined last."""
    sign = 1 if metric.lower_is_better else -1

    def place(row: Measured) -> tuple[bool, float]:
        value = row.estimate.value
        return (True, 0.0) if math.isnan(value) else (False, sign * value)

    return sorted(rows, key=place)
