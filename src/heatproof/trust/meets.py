"""Does a method meet all four criteria?  Computed from the verdicts, and from nothing else.

A method meets all four when each of them passed.  That needs no correction of its own: all four
must have been shown (an intersection-union test; Berger, Technometrics 1982).
"""

from collections.abc import Mapping

from heatproof.registry import part_name
from heatproof.trust.evidence import CRITERIA
from heatproof.types import Outcome


def meets_all(outcomes: Mapping[str, Outcome]) -> Outcome:
    """The outcome of all four together, from the outcome of each.

    One failure is enough for a failure; a criterion that is missing counts as not tested.
    """
    # Reversed, the first of several specs of one criterion is the one that stays.
    by_name = {part_name(criterion): outcomes[criterion] for criterion in reversed(list(outcomes))}
    four = [by_name.get(criterion, Outcome.NOT_TESTED) for criterion in CRITERIA]
    order = (Outcome.FAIL, Outcome.NOT_TESTED, Outcome.INCONCLUSIVE)
    return next((outcome for outcome in order if outcome in four), Outcome.PASS)
