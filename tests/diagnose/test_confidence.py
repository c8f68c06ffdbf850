"""Confidence: what the published slope measures, and what is left where there is something."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from heatproof.diagnose.confidence import (
    POOLED,
    WITHIN,
    calibrated,
    of_confidence,
    temperature_of,
)


def films(seed: int, findings: dict[str, float], per_finding: int = 120) -> pl.DataFrame:
    """Half are marked; the model is surer there; maps score .2 to .6 there whatever it says."""
    generator = np.random.default_rng(seed)
    tables = []
    for name, level in findings.items():
        marked = np.arange(per_finding) % 2 == 0
        probability = np.clip(generator.normal(np.where(marked, 0.6, 0.2) + level, 0.1), 0.01, 0.99)
        score = np.where(marked, generator.uniform(0.2, 0.6, per_finding) + level, 0.0)
        tables.append(pl.DataFrame({
            "finding": [name] * per_finding, "marked": marked, "probability": probability,
            "cluster": [f"p{index // 2}" for index in range(per_finding)], "iou": score,
        }))  # fmt: skip
    return pl.concat(tables)


def linear(found, finding, rows):
    [part] = [c for c in found if (c.finding, c.rows) == (finding, rows)]
    return part, next(e for e in part.effects if e.model == "linear").slope.estimate


def test_the_slope_over_all_films_measures_classification() -> None:
    found = of_confidence(films(0, {"Mass": 0.0}), "iou")
    _, everywhere = linear(found, "Mass", "all")
    _, marked = linear(found, "Mass", "positive")
    assert everywhere.low > 0.5
    assert marked.low < 0 < marked.high
    assert marked.cases == 60


def test_findings_that_differ_make_a_slope_that_is_gone_within_them() -> None:
    found = of_confidence(films(1, {"Mass": 0.0, "Heart": 0.3}), "iou")
    pooled, mixed_up = linear(found, POOLED, "positive")
    within, clean = linear(found, WITHIN, "positive")
    assert mixed_up.low > 0.5
    assert clean.low < 0 < clean.high
    assert pooled.spearman.low > 0.3
    assert within.spearman.low < 0 < within.spearman.high


def test_rank_correlations_are_scipys() -> None:
    rows = films(2, {"Mass": 0.0, "Heart": 0.3})
    found = of_confidence(rows, "iou")
    part, _ = linear(found, POOLED, "all")
    assert part.spearman.value == pytest.approx(spearmanr(rows["iou"], rows["probability"])[0])
    part, _ = linear(found, "Mass", "positive")
    one = rows.filter((pl.col("finding") == "Mass") & pl.col("marked"))
    assert part.spearman.value == pytest.approx(spearmanr(one["iou"], one["probability"])[0])


def test_undefined_scores_and_probabilities_are_left_out() -> None:
    rows = films(3, {"Mass": 0.0})
    holes = rows.with_columns(
        pl.when(pl.int_range(pl.len()) < 10).then(float("nan")).otherwise("iou").alias("iou")
    )
    part, slope = linear(of_confidence(holes, "iou"), "Mass", "all")
    assert slope.cases == part.spearman.cases == 110
    assert {c.finding for c in of_confidence(holes, "iou")} == {"Mass"}


def test_a_temperature_of_1_changes_nothing_and_others_keep_the_order() -> None:
    p = np.array([0.0, 0.01, 0.3, 0.5, 0.9, 1.0])
    assert calibrated(p, 1.0) == pytest.approx(p, abs=1e-9)
    hot = calibrated(p, 3.0)
    assert (np.diff(hot) > 0).all()
    assert hot[3] == pytest.approx(0.5)
    assert abs(hot - 0.5).max() < 0.5


def test_probabilities_of_an_overconfident_model_get_their_temperature_back() -> None:
    generator = np.random.default_rng(0)
    honest = generator.uniform(0.02, 0.98, 4000)
    labels = generator.random(4000) < honest
    found = temperature_of(calibrated(honest, 1 / 2.5), labels)
    assert found == pytest.approx(2.5, rel=0.1)
