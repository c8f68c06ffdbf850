"""Do maps fail on findings of a certain shape?

Scores on films with the finding, all findings together, are regressed on each of the four
features of ``lesion_geometry`` (Saporta et al. 2022, Table 2: IoU, hit rate, and how far either is
below the readers).  Features are brought to [0, 1] over all rows with an instance, those whose
score is undefined included, as the authors do; a z-scored slope says the same per standard
deviation.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Float

from heatproof.diagnose.effect import Effect, RegressionRows, effects
from heatproof.stats.multiple import Correction
from heatproof.stats.regression import min_max, z_score

FEATURES = ("instances", "area_ratio", "elongation", "irrectangularity")


def of_shape(
    table: pl.DataFrame,
    response: str,
    scale: Literal["min-max", "z-score"] = "min-max",
    correction: Correction = "holm",
    level: float = 0.95,
) -> tuple[Effect, ...]:
    """The effects of the four features on one response.

    Args:
        table: One row per map, with ``FEATURES``, ``cluster`` and the response.
        response: Name of the column of the response.
        scale: What one unit of a feature is.
        correction: How p-values are corrected, over the features; published: ``"bonferroni"``.
        level: Confidence level of the intervals.
    """
    marked = table.filter(pl.col("instances") > 0)
    scaled = min_max if scale == "min-max" else z_score
    features = {name: scaled(_numbers(marked, name)) for name in FEATURES}
    rows = RegressionRows(_numbers(marked, response), marked["cluster"].to_list())
    return effects(rows, features, response, "marked by the reference", correction, level)


def distributions(table: pl.DataFrame) -> Mapping[str, pl.DataFrame]:
    """The five-number summary of each finding, feature by feature: how different findings are.

    Args:
        table: One row per image and finding, with ``finding`` and ``FEATURES``.

    Returns:
        One row per finding: ``finding``, ``cases``, ``min``, ``q1``, ``median``, ``q3``, ``max``.
    """
    marked = table.filter(pl.col("instances") > 0)
    quantiles = {"min": 0.0, "q1": 0.25, "median": 0.5, "q3": 0.75, "max": 1.0}

    def of(feature: str) -> pl.DataFrame:
        # polars sorts nan above all numbers, where it would move the quantiles.
        value = pl.col(feature).cast(pl.Float64).fill_nan(None).drop_nulls()
        summary = [value.quantile(q, "linear").alias(name) for name, q in quantiles.items()]
        by_finding = marked.group_by("finding", maintain_order=True)
        return by_finding.agg(value.len().alias("cases"), *summary)

    return {feature: of(feature) for feature in FEATURES}


def _numbers(table: pl.DataFrame, column: str) -> Float[np.ndarray, " n"]:
    return table[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()
