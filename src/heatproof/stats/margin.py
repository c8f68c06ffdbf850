"""Not worse by more than a margin: a conclusion that small samples cannot buy.

"Not significantly worse" rewards few cases.  Here the margin is declared before anyone looks: the
largest loss that would not matter.  With the interval of method minus readers (higher is better)

================  ==========================================
non-inferior      the whole interval lies above -margin
inferior          the whole interval lies below -margin
undecided         it does not exclude either
================  ==========================================

and superior where it lies above 0.  The one-sided error of "non-inferior" is half of what the
interval leaves out: 2.5% at a level of 95% (CONSORT's extension, Piaggio et al., JAMA 2012).  Of
many comparisons, each of the three statements has a one-sided p of its own, which is corrected over
the family (``Tails``).
"""

from enum import StrEnum
from math import isnan
from typing import NamedTuple

from heatproof.types import Estimate


class Conclusion(StrEnum):
    """What an interval shows about a margin."""

    SUPERIOR = "superior"
    NON_INFERIOR = "non-inferior"
    UNDECIDED = "undecided"
    INFERIOR = "inferior"


class Tails(NamedTuple):
    """One-sided p-values of what may be said about a margin; nan where nothing is tested.

    Attributes:
        superior: That the difference is not above 0.
        non_inferior: That it is not above -margin.
        inferior: That it is not below -margin.
    """

    superior: float
    non_inferior: float
    inferior: float

    def conclusion(self, level: float) -> Conclusion:
        """The strongest statement whose p is at most half of what an interval leaves out."""
        tail = (1 - level) / 2
        # A superior method is non-inferior as well, so the stronger conclusion is tried first.
        for p, conclusion in (
            (self.superior, Conclusion.SUPERIOR),
            (self.non_inferior, Conclusion.NON_INFERIOR),
            (self.inferior, Conclusion.INFERIOR),
        ):
            if p <= tail:
                return conclusion
        return Conclusion.UNDECIDED


UNTESTED = Tails(float("nan"), float("nan"), float("nan"))


def conclude(difference: Estimate, margin: float) -> Conclusion:
    """What the difference, method minus readers, shows about a margin.

    Args:
        difference: The estimate with its interval; without one, or with a
            hindrance, nothing is decided.
        margin: The largest loss that would not matter, in the unit of the metric, above 0.

    Raises:
        ValueError: The margin is not above 0.
    """
    if not margin > 0:
        raise ValueError(f"margin = {margin}; expected a loss above 0, such as .05 of IoU")
    if difference.hindrance or isnan(difference.low) or isnan(difference.high):
        return Conclusion.UNDECIDED
    # A superior method is non-inferior as well, so the stronger conclusion is tried first.
    if difference.low > 0:
        return Conclusion.SUPERIOR
    if difference.low > -margin:
        return Conclusion.NON_INFERIOR
    return Conclusion.INFERIOR if difference.high < -margin else Conclusion.UNDECIDED
