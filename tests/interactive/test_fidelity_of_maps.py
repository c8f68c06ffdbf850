"""Fidelity from Python: rows, chance, and a summary that says the same."""

import numpy as np
import polars as pl
import pytest
import torch

import heatproof
from heatproof.errors import ModelError, SpecError
from tests.fidelity.conftest import LOOKS, SIDE, images, model

__all__ = ["images", "model"]  # fixtures
METRICS = ["deletion(steps=4)", "insertion(steps=4, infill='black')", "sensitivity_n(grid=4)"]


def test_the_gradient_of_a_linear_model_is_true_to_it(model, images) -> None:
    """Its first logit is the mean of a square, which the gradient shows and nothing else."""
    films = [image[0].clamp(0, 1).numpy() for image in images]
    answer = heatproof.measure_fidelity(model, films, "input_x_gradient", METRICS, "here")
    assert len(answer.films) == 3 * len(METRICS)
    assert set(answer.films["finding"]) == {"here"}
    for row in answer.summary.iter_rows(named=True):
        assert row["share"] == 1
        assert row["maps"] == 3
        own = answer.films.filter(pl.col("metric") == row["metric"])
        assert row["value"] == pytest.approx(own["value"].mean())
        assert row["chance"] == pytest.approx(own["chance"].mean())
        assert 0 < row["low"] < row["high"] == 1
    assert "better than chance on 100% of 3 maps" in repr(answer)


def test_a_map_that_shows_another_place_is_no_better_than_chance(model, images) -> None:
    """The second finding is told from everything, so the map of the first is not true to it."""
    wrong = torch.ones(3, 1, SIDE, SIDE)
    wrong[:, :, LOOKS[0], LOOKS[1]] = 0
    metrics = heatproof.fidelity.fidelities.parts(["deletion"])
    measured = heatproof.fidelity.measure(metrics, model, images, {"wrong": wrong}, [0])
    assert (measured["wrong", "deletion"].values > measured["wrong", "deletion"].chance).all()


def test_more_films_than_are_explained_together(model, images) -> None:
    films = [images[index % 3, 0].clamp(0, 1).numpy() for index in range(9)]
    many = heatproof.measure_fidelity(model, films, ["gradient"], ["deletion(steps=4)"])
    few = heatproof.measure_fidelity(model, films[:3], ["gradient"], ["deletion(steps=4)"])
    assert len(many.films) == 9 * 2
    for column in ("value", "chance"):
        expected = np.tile(few.films[column].to_numpy(), 3)
        np.testing.assert_allclose(many.films[column].to_numpy(), expected, atol=1e-6)


def test_constant_maps_have_no_correlation_and_are_not_counted(images) -> None:
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(SIDE**2, 1))
    torch.nn.init.zeros_(network[1].weight)
    blind = heatproof.wrap(network, ["x"], size=SIDE, channels=1, mean=0, std=1)
    films = [image[0].clamp(0, 1).numpy() for image in images]
    answer = heatproof.measure_fidelity(blind, films, "gradient", ["sensitivity_n"])
    assert answer.summary["maps"].to_list() == [0]
    assert answer.summary["share"].is_nan().all()


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"films": []}, ModelError, "there is no film"),
        ({"findings": "her"}, ModelError, "did you mean here"),
        ({"metrics": ["deltion"]}, SpecError, "did you mean deletion"),
        ({"methods": "gradcam"}, SpecError, "did you mean grad_cam"),
    ],
)
def test_mistakes_are_told(model, images, change, error, said) -> None:
    films = [image[0].clamp(0, 1).numpy() for image in images]
    asked = {"films": films, "methods": "gradient", "metrics": METRICS, "findings": None} | change
    with pytest.raises(error, match=said):
        heatproof.measure_fidelity(model, **asked)
