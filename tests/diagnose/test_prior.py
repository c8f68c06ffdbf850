"""The usual place: a map that is the prior, and one that ignores it."""

import numpy as np
import polars as pl
import pytest

from heatproof.diagnose.prior import usual_place


def table(score: np.ndarray, prior: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame({
        "finding": ["Mass", "Heart"] * (len(score) // 2),
        "cluster": [f"p{index}" for index in range(len(score))],
        "iou": score, "prior": prior,
    })  # fmt: skip


PRIOR = np.random.default_rng(0).random(100)


def test_a_map_that_is_the_prior_leans_on_it_entirely() -> None:
    found = usual_place(table(PRIOR, PRIOR), "iou")
    assert found.spearman.value == pytest.approx(1)
    assert found.beats.value == 0.5
    nearly = PRIOR + np.random.default_rng(1).normal(0, 0.01, 100)
    slopes = usual_place(table(nearly, PRIOR), "iou").slopes
    slope = next(e for e in slopes if e.model == "linear_by_cluster").slope.estimate
    assert slope.value == pytest.approx(1, abs=0.02)
    assert found.usual.value - found.unusual.value > 0.4


def test_a_map_that_looks_is_as_good_at_unusual_places() -> None:
    found = usual_place(table(np.full(100, 0.8), PRIOR), "iou")
    assert found.unusual.value == pytest.approx(0.8)
    assert found.usual.value == pytest.approx(0.8)
    assert found.beats.value == pytest.approx((PRIOR < 0.8).mean())
    assert np.isnan(found.spearman.value)


def test_halves_are_of_each_finding_and_undefined_rows_in_none() -> None:
    rows = table(PRIOR, PRIOR + np.tile([0.0, 5.0], 50))  # the prior is good at hearts
    found = usual_place(rows, "iou")
    assert found.unusual.cases == found.usual.cases == 50
    holes = rows.with_columns(
        pl.when(pl.int_range(pl.len()) < 20).then(float("nan")).otherwise("prior").alias("prior")
    )
    assert usual_place(holes, "iou").beats.cases == 80
