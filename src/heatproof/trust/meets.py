"""Does a method meet all four criteria?  Computed from the verdicts, and from nothing else.

A method meets all four when each of them passed.  That needs no correction of its own: all four
must have been shown (an intersection-union test; Berger, Technometrics 1982).
"""

from collections.abc import Iterable

from heatproof.trust.evidence import CRITERIA
from heatproof.types import Outcome, Verdict


def meets_all(verdicts: Iterable[Verdict], method: str) -> Outcome:
    """One failed criterion is enough to fail; one that was not tested leaves it not tested."""
    found = {one.criterion: one.passed for one in verdicts if one.method == method}
    four = [found.get(criterion, Outcome.NOT_TESTED) for criterion in CRITERIA]
    order = (Outcome.FAIL, Outcome.NOT_TESTED, Outcome.INCONCLUSIVE)
    return next((outcome for outcome in order if outcome in four), Outcome.PASS)
