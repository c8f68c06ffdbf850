"""A run with the preprocessing of the user's own: the same scores as with named parts."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from heatproof.errors import ExperimentError, ModelError
from heatproof.experiment.file import load
from heatproof.run.pipeline import run

SCALING = (
    'scaling = { geometry = "squash(height=64, width=64)", channels = 1, mean = [0], std = [1] }'
)
PREPARE = """
import torch
from torch.nn.functional import interpolate

def prepare(film):
    whole = torch.from_numpy(film)[None, None]
    return interpolate(whole, (64, 64), mode="bilinear", antialias=True)[0]

def turned(film):
    return prepare(film).transpose(1, 2)
"""


@pytest.fixture
def own(squares):
    """The experiment with a transform in the place of its scaling."""

    def write(scaling: str):
        (squares.parent / "prepare.py").write_text(PREPARE)
        text = squares.read_text()
        assert SCALING in text
        squares.write_text(text.replace(SCALING, f"scaling = {{ {scaling} }}"))
        return squares

    return write


@pytest.mark.slow
def test_a_transform_gives_the_scores_of_the_parts_that_it_is_made_of(squares, own):
    named = pl.read_parquet(run(load(squares)).parent / "scores.parquet")
    transformed = run(load(own('transform = "prepare.py:prepare"')))
    assert_frame_equal(named, pl.read_parquet(transformed.parent / "scores.parquet"))
    assert "prepare.py:prepare" in transformed.read_text()


def test_a_transform_without_a_way_back_is_refused_until_it_is_said(own):
    file = own('transform = "prepare.py:turned"')
    with pytest.raises(ModelError, match=r"turn films.*say it: back"):
        run(load(file), "explain")


@pytest.mark.parametrize(
    ("scaling", "text"),
    [
        ('transform = "prepare.py:prepare", mean = [0]', "leave out mean"),
        ('geometry = "squash(height=9, width=9)"', "geometry, mean and std, or a transform"),
        ('geometry = "squash(height=9, width=9)", mean = [0], std = [1], takes = "rgb"', "which"),
    ],
)
def test_a_transform_and_parts_exclude_each_other(own, scaling, text):
    with pytest.raises(ExperimentError, match=text):
        load(own(scaling))


def test_a_transform_that_is_not_there_is_answered_with_the_near_ones(own):
    with pytest.raises(ModelError, match="did you mean prepare"):
        run(load(own('transform = "prepare.py:prepar"')))


def test_what_the_owner_saw_is_compared_before_any_work(squares):
    """The network's logit is 100 * (brightness above one half) - 1, so that -1 is a dark film."""
    file = squares.parent / "logits.csv"
    squares.write_text(squares.read_text().replace(SCALING, f'{SCALING}\nexpect = "logits.csv"'))
    file.write_text("image_id,Square\nf0,-1.0\nf2,-1.0\n")
    run(load(squares), "explain")
    file.write_text("image_id,Square\nf0,-1.0\nf2,3.5\n")
    with pytest.raises(ModelError, match=r"of 2 films, 1 differs, by up to 4\.5 in logits"):
        run(load(squares), "explain")


def test_what_a_crop_cuts_off_is_told(squares):
    text = squares.read_text().replace(
        "squash(height=64, width=64)", "center_crop(height=64, width=64)"
    )
    squares.write_text(f"trust = false\n{text}")
    told = run(load(squares)).read_text()
    assert "The crop of bright cuts off" in told
    assert "of what is marked on films" in told
