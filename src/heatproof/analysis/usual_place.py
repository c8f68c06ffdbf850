"""Does a method lean on where findings usually lie, and on which of them are common?

The scores of one method by one metric are set beside those of the mean-mask prior on the same
films, and their means beside the prevalence of the findings.  Both are for metrics in which higher
is better.
"""

from collections.abc import Mapping

import polars as pl

from heatproof.analysis.intervals import Intervals
from heatproof.analysis.rare import TO_CORRELATE, TO_FIT
from heatproof.diagnose.prevalence import by_finding, over_findings
from heatproof.diagnose.prior import UsualPlace, usual_place
from heatproof.localize.controls import PRIOR
from heatproof.tables.scores import Scores
from heatproof.tables.shapes import PLACE
from heatproof.types import Estimate

_MEASURED = [*PLACE, "metric"]


def with_prior(rows: pl.DataFrame, scores: Scores) -> pl.DataFrame:
    """Rows of scores with a column ``prior``: what the mean mask scores on the same film."""
    prior = scores.of_control(PRIOR).frame.select(*_MEASURED, prior="value")
    # A left join keeps films without a prior, since other diagnoses do not ask for it.
    return rows.join(prior, on=_MEASURED, how="left", maintain_order="left")


def beside_prior(marked: pl.DataFrame, intervals: Intervals) -> UsualPlace | None:
    """The method beside the prior; None where too few patients have both scores."""
    both = marked.filter(pl.col("value").is_finite() & pl.col("prior").is_finite())
    if both["cluster"].n_unique() < TO_FIT:
        return None
    return usual_place(both, "value", level=intervals.level)


def over_prevalence(
    marked: pl.DataFrame, labels: pl.DataFrame, intervals: Intervals
) -> Mapping[str, Estimate]:
    """Rank correlations over findings; empty where these are too few.

    Args:
        marked: Scores of films on which the finding is marked.
        labels: ``finding`` and ``label`` of every film that the model judged.
        intervals: How intervals are made.
    """
    findings = by_finding(marked, labels, "value")
    if len(findings) < TO_CORRELATE:
        return {}
    return over_findings(findings, "value", level=intervals.level)
