"""An effect: by how much a score changes with something that may explain it, by several models.

The published model (least squares, rows independent) stands beside those that know patients, so
that a reader sees what the difference is worth.  p-values are corrected within a family: the
features that one response was regressed on by one model.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from heatproof.stats.multiple import Correction, adjusted
from heatproof.stats.regression import Slope, linear, linear_by_cluster, logistic, mixed


@dataclass(frozen=True)
class Effect:
    """The slope of a score on one feature, by one model.

    Attributes:
        response: What was measured, such as ``"iou"``.
        feature: What may explain it.
        among: The rows it was fitted to, in words.
        model: ``"linear"``, ``"linear_by_cluster"``, ``"mixed"`` or ``"logistic"``.
        slope: The slope, with its interval and uncorrected p.
        p: The p-value of the slope, corrected for the family.
    """

    response: str
    feature: str
    among: str
    model: str
    slope: Slope
    p: float


@dataclass(frozen=True)
class RegressionRows:
    """The rows that effects are fitted to, one entry per map.

    Attributes:
        response: The score; ``nan`` where undefined.
        clusters: What goes together, such as ``Sample.cluster``.
        factor: Level of each row, such as its finding: each gets an intercept; None for one in all.
    """

    response: Float[np.ndarray, " n"]
    clusters: Sequence[str]
    factor: Sequence[str] | None = None


def effects(
    rows: RegressionRows,
    features: Mapping[str, Float[np.ndarray, " n"]],
    response: str,
    among: str,
    correction: Correction = "holm",
    level: float = 0.95,
) -> tuple[Effect, ...]:
    """Every model of the response on each feature alone.

    Args:
        rows: What was measured.
        features: By name; ``nan`` where undefined.
        response: Name of what was measured.
        among: The rows, in words.
        correction: How p-values are corrected, within each model, over the features.
        level: Confidence level of the intervals.
    """
    fitted = {name: dict(_fits(feature, rows, level)) for name, feature in features.items()}
    corrected: dict[str, np.ndarray] = {}
    # Which models are fitted depends on the response alone, so any feature names them.
    for model in next(iter(fitted.values()), {}):
        p = np.array([slopes[model].p for slopes in fitted.values()])
        corrected[model] = adjusted(p, correction)
    return tuple(
        Effect(response, name, among, model, slope, float(corrected[model][place]))
        for place, (name, slopes) in enumerate(fitted.items())
        for model, slope in slopes.items()
    )


def _fits(
    feature: Float[np.ndarray, " n"], rows: RegressionRows, level: float
) -> Iterator[tuple[str, Slope]]:
    clustered = (feature, rows.response, rows.clusters, rows.factor, level)
    yield "linear", linear(feature, rows.response, rows.factor, level)
    yield "linear_by_cluster", linear_by_cluster(*clustered)
    yield "mixed", mixed(*clustered)
    # Logistic regression is for scores such as hits, which are 0 or 1.
    if np.isin(rows.response[np.isfinite(rows.response)], (0, 1)).all():
        yield "logistic", logistic(*clustered)
