"""Do maps fail where the model is unsure?

The score of a map regressed on the probability that the model gives, per finding and over all
findings, and their rank correlation (Saporta et al. 2022, Table 3).  Two sets of rows:

``all``        every map with a defined score, as published.  A map scores 0 by construction where
               the model is positive and the reference is not, or the other way round, so that this
               slope largely measures *classification*.
``positive``   maps of films on which the reference marks the finding: does a surer model have
               better maps *where there is something to find*?

Over all findings there are two slopes: as published, where it mixes how findings differ with how
films differ, and with the finding as a factor, within findings.  Probabilities are raw by default
(the published numbers are, whatever the text says); ``calibrated`` asks the same of probabilities
that mean what they say.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Bool, Float
from scipy.special import expit, logit

from heatproof.diagnose.effect import Effect, RegressionRows, effects
from heatproof.models.temperature import temperature
from heatproof.stats.correlation import spearman
from heatproof.types import Estimate

POOLED = "all findings"
WITHIN = "all findings, finding as a factor"
_EDGE = 1e-12  # probabilities of exactly 0 or 1 have no logit


@dataclass(frozen=True)
class Confidence:
    """The effects of the probability on the score, in one set of rows.

    Attributes:
        finding: Name of the finding, ``POOLED`` or ``WITHIN``.
        rows: ``"all"`` or ``"positive"``, see the top of this module.
        effects: Slopes of the score on the probability, one per regression.
        spearman: Rank correlation; for ``WITHIN``, of ranks within findings.
    """

    finding: str
    rows: Literal["all", "positive"]
    effects: tuple[Effect, ...]
    spearman: Estimate


def of_confidence(
    table: pl.DataFrame,
    response: str,
    level: float = 0.95,
) -> tuple[Confidence, ...]:
    """The effects for each finding and for all findings together, in both sets of rows.

    Args:
        table: One row per map: ``finding``, ``cluster``, ``probability``, ``marked`` (whether the
            reference marks anything) and the response.
        response: Name of the column of the response.
        level: Confidence level of the intervals.
    """
    defined = table.filter(pl.col(response).is_finite() & pl.col("probability").is_finite())
    confidences = []
    for kind, rows in _sets(defined):
        for name, part, factor in _groups(rows):
            clusters, findings = part["cluster"].to_list(), part["finding"].to_list()
            score, sure = part[response].to_numpy(), part["probability"].to_numpy()
            among = RegressionRows(score, clusters, findings if factor else None)
            # There is one feature, so the family holds one test and p stays uncorrected.
            slopes = effects(among, {"probability": sure}, response, f"{name}, {kind}", level=level)
            if factor:
                # Ranks within findings take out what differs between them, as the factor does.
                score, sure = (_ranks_within(part, column) for column in (response, "probability"))
            ranked = spearman(score, sure, clusters, level)
            confidences.append(Confidence(name, kind, slopes, ranked))
    return tuple(confidences)


def calibrated(
    probabilities: Float[np.ndarray, " n"], temperature: float
) -> Float[np.ndarray, " n"]:
    """The probabilities at another temperature of their logits: ``sigmoid(logit(p) / T)``."""
    return np.asarray(expit(_logits(probabilities) / temperature))


def temperature_of(probabilities: Float[np.ndarray, " n"], labels: Bool[np.ndarray, " n"]) -> float:
    """The temperature at which one finding's probabilities fit its labels best.

    Fit it on films that the maps are not judged on, where there are any.
    """
    return temperature(_logits(probabilities), labels.astype(float))


def _logits(probabilities: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    return np.asarray(logit(np.clip(probabilities, _EDGE, 1 - _EDGE)))


def _sets(
    table: pl.DataFrame,
) -> Iterator[tuple[Literal["all", "positive"], pl.DataFrame]]:
    yield "all", table
    yield "positive", table.filter("marked")


def _groups(rows: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame, bool]]:
    """The name of each group, its rows, and whether the finding is a factor."""
    by_finding = rows.partition_by("finding", as_dict=True, maintain_order=True)
    for (finding,), part in by_finding.items():
        yield str(finding), part, False
    # Pooled rows of a single finding would repeat its own.
    if len(by_finding) > 1:
        yield POOLED, rows, False
        yield WITHIN, rows, True


def _ranks_within(rows: pl.DataFrame, column: str) -> Float[np.ndarray, " n"]:
    """Midranks among the rows of the same finding, as shares, so that all findings weigh alike."""
    rank = pl.col(column).rank("average").over("finding")
    return rows.select(rank / pl.len().over("finding")).to_series().to_numpy()
