"""Does a map find the finding only where it usually is?

Every map's score is set beside that of the mean-mask prior, which never saw the film: the prior
scores high where a finding lies at its usual place.  A map that leans on the usual place is good
where the prior is good, and fails where it fails.

- ``slopes``: slopes of the map's score on the prior's, within findings;
- ``spearman``: their rank correlation;
- ``beats``: the share of films on which the map scores higher (an equal score counts half);
- ``unusual``, ``usual``: the map's mean score on the half of the films (per finding) on which the
  prior scores lower, and on the other half.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from heatproof.diagnose.effect import Effect, RegressionRows, effects
from heatproof.stats import bounded, estimates
from heatproof.stats.correlation import spearman
from heatproof.types import Estimate


@dataclass(frozen=True)
class UsualPlace:
    """A method's scores beside those of the mean-mask prior, film by film."""

    slopes: tuple[Effect, ...]
    spearman: Estimate
    beats: Estimate
    unusual: Estimate
    usual: Estimate


def usual_place(
    table: pl.DataFrame,
    response: str,
    level: float = 0.95,
) -> UsualPlace:
    """Compare a method with the prior; a film on which either is undefined is left out.

    Args:
        table: One row per map: ``finding``, ``cluster``, the response and ``prior``, what the prior
            scores on the same film.
        response: Name of the column of the response.
        level: Confidence level of the intervals.
    """
    both = table.filter(pl.col(response).is_finite() & pl.col("prior").is_finite())
    score, prior = both[response].to_numpy(), both["prior"].to_numpy()
    clusters = both["cluster"].to_list()
    # The median is taken within findings, or a half would hold the findings with a poor prior.
    middle = both.select(pl.col("prior").median().over("finding")).to_series().to_numpy()
    rows = RegressionRows(score, clusters, both["finding"].to_list())
    return UsualPlace(
        effects(rows, {"prior": prior}, response, "within findings", level=level),
        spearman(score, prior, clusters, level),
        bounded.mean((score > prior) + (score == prior) / 2, clusters, level),
        estimates.mean(np.where(prior < middle, score, np.nan), clusters, level),
        estimates.mean(np.where(prior < middle, np.nan, score), clusters, level),
    )
