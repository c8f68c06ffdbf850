"""Temperatures, found again by trying many, on films that they are not applied to."""

import numpy as np
import polars as pl
import pytest
from scipy.special import expit, logit

from heatproof.analysis.calibrated import with_calibrated
from heatproof.tables.predictions import Predictions
from tests.analysis import made_up

GRID = np.exp(np.linspace(np.log(0.05), np.log(20), 4001))


def predictions(data, count=120, seed=0, sharp=3.0):
    """Probabilities that are too sure; two films per patient, a label now and then unknown."""
    generator = np.random.default_rng(seed)
    truth = generator.random(count) < 0.4
    honest = np.where(truth, 0.8, -0.8) + generator.normal(0, 1.2, count)
    labels = [bool(t) if index % 10 else None for index, t in enumerate(truth)]
    told = zip(labels, expit(sharp * honest), strict=True)
    rows = made_up.predictions({f"{data}{index}": pair for index, pair in enumerate(told)})
    patients = [{"cluster": f"{data} patient {index // 2}"} for index in range(count)]
    return [row | {"data": data} | by for row, by in zip(rows, patients, strict=True)]


def fitted(rows):
    """The temperature of the least cross-entropy."""
    known = [row for row in rows if row["label"] is not None]
    z = logit([row["probability"] for row in known])
    y = np.array([row["label"] for row in known], float)
    losses = [np.mean(np.logaddexp(0, z / t) - y * z / t) for t in GRID]
    return GRID[int(np.argmin(losses))]


def temperatures(rows):
    return logit(rows["probability"].to_numpy()) / logit(rows["calibrated"].to_numpy())


def test_validation_films_say_the_temperature():
    rows = [*predictions("judged"), *predictions("val", seed=1)]
    found = with_calibrated(Predictions.of_rows(rows), "val").filter(data="judged")
    np.testing.assert_allclose(temperatures(found), fitted(predictions("val", seed=1)), rtol=2e-3)
    assert temperatures(found)[0] > 2


def test_else_each_half_of_the_patients_takes_that_of_the_other():
    found = with_calibrated(Predictions.of_rows(predictions("judged")), None)
    known = found.drop_nulls("label")
    assert found.filter(pl.col("label").is_null())["calibrated"].is_nan().all()
    used = np.round(temperatures(known), 6)
    one, other = np.unique(used)
    for ours, theirs in ((one, other), (other, one)):
        half = known.filter(pl.Series(used == theirs)).rows(named=True)
        assert ours == pytest.approx(fitted(half), rel=2e-3)
    sides = known.with_columns(side=pl.Series(used)).group_by("cluster").agg(
        pl.col("side").n_unique()
    )  # fmt: skip
    assert set(sides["side"]) == {1}


def test_films_of_one_kind_have_no_temperature():
    rows = [row | {"label": True} for row in predictions("judged")]
    assert with_calibrated(Predictions.of_rows(rows), None)["calibrated"].is_nan().all()
    empty = with_calibrated(Predictions.of_rows([]), None)
    assert empty.is_empty()
    assert "calibrated" in empty.columns
