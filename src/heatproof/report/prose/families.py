"""Over what p-values are corrected: who looks at many methods finds one that differs."""

from math import isnan

from heatproof.report.content import Content
from heatproof.types import Outcome
from heatproof.words import count


def family_of_differences(content: Content) -> str:
    """Such as ``"the 24 differences to the prior of this report"``."""
    rows = [row for panel in content.localization for row in panel.rows]
    number = sum(not isnan(row.corrected) for row in rows)
    return _family(content, number, "difference", "to the prior", "the methods of one panel")


def family_of_comparisons(content: Content) -> str:
    """The comparisons with readers, or those with other models."""
    number = sum(bool(row.finding) and not isnan(row.holm) for row in content.comparisons)
    grid = "the findings of one method, metric and data set"
    return _family(content, number, "comparison", "of one kind", grid)


def family_of_verdicts(content: Content) -> str:
    """The verdicts by the first rule that could be tested."""
    grids = [grid for grid in content.trust if grid.rule == content.trust[0].rule]
    tested = [v for grid in grids for v in grid.verdicts if v.passed is not Outcome.NOT_TESTED]
    grid = "the verdicts of one data set and finding"
    return _family(content, len(tested), "verdict", "by one rule", grid)


def _family(content: Content, number: int, noun: str, kind: str, grid: str) -> str:
    if content.family == "grid":
        return grid
    return f"the {count(number, noun)} {kind} of this report" if number else f"{noun}s {kind}"
