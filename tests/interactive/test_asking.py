"""Criteria as functions: the same rows and verdicts as an experiment gives."""

import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal
from torch import nn

import heatproof
from heatproof.errors import ExperimentError
from heatproof.interactive import asking


def model(seed):
    torch.manual_seed(seed)
    network = nn.Sequential(
        *(nn.Conv2d(1, 4, 3, 2), nn.ReLU(), nn.Conv2d(4, 8, 3, 2), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 1)),
    )
    return heatproof.wrap(network, ["Nodule"], size=32, mean=0.5, std=0.25)


FILMS = heatproof.Phantom(images=16, seed=3)


@pytest.mark.slow
def test_randomization_is_that_of_prove(tmp_path):
    spec = "randomization(order='whole', draws=1)"
    proof = heatproof.prove(
        model(0), FILMS, ["grad_cam"], ["auprc"], criteria=[spec], output=tmp_path
    )
    answer = heatproof.randomization(model(0), FILMS, "grad_cam", order="whole", draws=1)
    columns = ["image_id", "image_id_b", "population", "similarity", "value"]
    assert_frame_equal(answer.pairs.select(columns), proof.trust.select(columns))
    expected = proof.verdicts.filter(pl.col("criterion") == spec)
    same = ["method", "verdict", "value", "low", "high", "threshold"]
    assert_frame_equal(answer.verdicts.select(same), expected.select(same))
    assert "randomization" in repr(answer)


@pytest.mark.slow
def test_replicates_and_architectures_are_compared():
    three = [model(seed) for seed in range(3)]
    kept = heatproof.repeatability(three, FILMS, ["grad_cam"], images=6)
    assert (
        kept.pairs.filter(pl.col("population") == "same film")
        .select("model_a", "model_b")
        .n_unique()
        == 3
    )
    other = heatproof.reproducibility({"one": model(0), "other": model(1)}, FILMS, "grad_cam")
    assert set(other.pairs["model_a"]) == {"one"}


@pytest.mark.slow
def test_trainings_are_told_apart_by_what_the_criterion_compares():
    fewer = heatproof.label_efficiency({1.0: model(0), 0.1: model(1)}, FILMS, "gradient")
    assert set(fewer.pairs["step"]) == {"0.1"}
    shuffled = heatproof.data_randomization({False: model(0), True: model(1)}, FILMS, "gradient")
    assert shuffled.pairs.height > 0
    with pytest.raises(ExperimentError, match="compares a model with itself"):
        heatproof.flip({1.0: model(0), 0.1: model(1)}, FILMS, "gradient")
    with pytest.raises(
        ExperimentError, match=r"repeatability needs two models or more.*\[one, other\]"
    ):
        heatproof.repeatability(model(0), FILMS, "gradient")


def test_films_may_be_a_list_of_anything():
    films = [FILMS[row].pixels.read() for row in range(4)]
    answer = heatproof.flip(model(0), films, "gradient")
    same = answer.pairs.filter(pl.col("population") == "same film")
    assert same["image_id"].n_unique() == 4
    # Nothing is labelled, and yet the films that were compared say something.
    assert answer.verdicts["verdict"].to_list() == ["inconclusive"]
    assert "not defined" not in repr(answer)


def test_one_film_is_not_taken_for_several(tmp_path):
    from PIL import Image

    values = FILMS[0].pixels.read()
    Image.fromarray((values * 255).astype("uint8")).save(tmp_path / "film.png")
    for film in (str(tmp_path / "film.png"), tmp_path / "film.png", values, FILMS[0].pixels):
        pairs = heatproof.flip(model(0), film, "gradient").pairs
        assert pairs.filter(pl.col("population") == "same film")["image_id"].n_unique() == 1


def test_heads_are_told_apart_by_their_names():
    answer = heatproof.head({"linear": model(0), "wildcat": model(1)}, FILMS, "gradient")
    assert set(answer.pairs["step"]) == {"linear / wildcat"}


@pytest.mark.parametrize(
    ("criterion", "form"),
    [
        ("reproducibility", r"\{\"densenet121\": one"),
        ("head", r"\{\"linear\": one"),
        ("label_efficiency", r"\{1.0: whole"),
        ("prevalence", r"\{0.5: half"),
        ("data_randomization", r"\{False: true"),
    ],
)
def test_one_model_where_several_are_needed_is_answered_with_their_form(criterion, form):
    with pytest.raises(ExperimentError, match=form):
        heatproof.ask(criterion, model(0), FILMS, "gradient")


def test_why_a_criterion_was_not_tested_is_said():
    few = heatproof.Phantom(images=3, seed=3)  # with labels, and too few of them
    assert "nothing is concluded" in repr(heatproof.flip(model(0), few, "gradient"))


def test_every_criterion_has_a_function():
    assert {"randomization", "repeatability", "flip"} <= set(asking.names())
    for name in asking.names():
        assert callable(getattr(heatproof, name))
    with pytest.raises(AttributeError, match="no attribute 'repeatable'"):
        _ = heatproof.repeatable
