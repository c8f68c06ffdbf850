"""Over what p-values are corrected: who looks at many methods finds one that differs."""

from collections import Counter
from math import isnan

from heatproof.analysis.comparison import OUTLINES, Comparison
from heatproof.report.content import Content
from heatproof.types import Outcome
from heatproof.words import count, listed


def family_of_differences(content: Content) -> str:
    """Such as ``"the 24 differences to the prior of this report"``."""
    rows = [row for panel in content.localization for row in panel.rows]
    number = sum(not isnan(row.corrected) for row in rows)
    return _family(content, number, "difference", "to the prior", "the methods of one panel")


def family_of_comparisons(content: Content) -> str:
    """Such as ``"all of one kind in this report (6 with readers and 6 with other models)"``."""
    if content.family == "grid":
        return "the findings of one method, metric and data set"
    tested = [one for one in content.comparisons if one.finding and not isnan(one.holm)]
    kinds = Counter(_kind(one) for one in tested)
    numbers = listed(f"{number} with {kind}" for kind, number in kinds.items()) if kinds else ""
    return "all of one kind in this report" + (f" ({numbers})" if numbers else "")


def family_of_verdicts(content: Content) -> str:
    """The verdicts by the first rule that could be tested."""
    grids = [grid for grid in content.trust if grid.rule == content.trust[0].rule]
    tested = [v for grid in grids for v in grid.verdicts if v.passed is not Outcome.NOT_TESTED]
    grid = "the verdicts of one data set and finding"
    return _family(content, len(tested), "verdict", "by one rule", grid)


def _kind(comparison: Comparison) -> str:
    # Only readers are what a method falls below by a percentage.
    if comparison.decrease is not None:
        return "readers"
    return OUTLINES if comparison.other == OUTLINES else "other models"


def _family(content: Content, number: int, noun: str, kind: str, grid: str) -> str:
    if content.family == "grid":
        return grid
    return f"the {count(number, noun)} {kind} of this report" if number else f"{noun}s {kind}"
