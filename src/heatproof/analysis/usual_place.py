"""Does a method lean on where findings usually are, and on which of them are common?

The scores of one method by one metric, beside those of the mean-mask prior on the same films, and
over findings beside how common they are.  Asked of metrics in which higher is better.
"""

from collections.abc import Mapping

import polars as pl

from heatproof.diagnose.prevalence import by_finding, over_findings
from heatproof.diagnose.prior import UsualPlace, usual_place
from heatproof.experiment.settings import Statistics
from heatproof.localize.controls import PRIOR
from heatproof.types import Estimate

PLACE = ["data", "image_id", "finding", "reference", "metric"]
LEAST = 4  # findings behind a rank correlation: three in order are chance in one case of three


def with_prior(rows: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """Rows of scores with a column ``prior``: what the mean mask scores on the same film."""
    prior = scores.filter((pl.col("group") == "") & (pl.col("method") == PRIOR))
    theirs = prior.select(*PLACE, prior="value")
    return rows.join(theirs, on=PLACE, how="left", maintain_order="left")


def beside_prior(chosen: Statistics, marked: pl.DataFrame, fewest: int) -> UsualPlace | None:
    """None where too few patients have both scores."""
    both = marked.filter(pl.col("value").is_finite() & pl.col("prior").is_finite())
    if both["cluster"].n_unique() < fewest:
        return None
    return usual_place(both, "value", chosen.resamples, chosen.level, chosen.seed)


def over_prevalence(
    chosen: Statistics, marked: pl.DataFrame, labels: pl.DataFrame
) -> Mapping[str, Estimate]:
    """Rank correlations over findings; empty where these are too few.

    Args:
        chosen: How scores become estimates.
        marked: Scores of marked films.
        labels: ``finding`` and ``label`` of every film that was judged.
    """
    found = by_finding(marked, labels, "value")
    if len(found) < LEAST:
        return {}
    return over_findings(found, "value", chosen.resamples, chosen.level, chosen.seed)
