import math

import numpy as np
import pytest
import torch

from heatproof.data.geometry import Squash
from heatproof.data.geometry.crops import CenterCrop
from heatproof.data.intensities.clahe import Clahe
from heatproof.data.intensities.invert import Invert
from heatproof.data.intensities.min_max import MinMax
from heatproof.data.intensities.to_range import ToRange
from heatproof.data.intensities.z_score import ZScore
from heatproof.data.interpolations.of_opencv import OpenCV
from heatproof.errors import ModelError
from heatproof.models.preprocessing import Preprocessing


def test_grey_becomes_equal_channels_less_mean_over_std() -> None:
    preprocessing = Preprocessing(Squash(2, 2), mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 1.0))
    tensor = preprocessing.tensor(np.full((4, 6), 0.6, dtype=np.float32))
    assert tensor.shape == (3, 2, 2)
    expected = torch.tensor([1.0, 1.6, 0.3]).view(3, 1, 1).expand(3, 2, 2)
    torch.testing.assert_close(tensor, expected)


def test_black_is_what_a_black_radiograph_becomes() -> None:
    preprocessing = Preprocessing(Squash(3, 3))
    tensor = preprocessing.tensor(np.zeros((3, 3), dtype=np.float32))
    torch.testing.assert_close(tensor, preprocessing.black.expand(3, 3, 3))


def test_one_statistic_serves_all_channels() -> None:
    preprocessing = Preprocessing(Squash(2, 2), mean=(0.5,), std=(0.5,))
    tensor = preprocessing.tensor(np.ones((2, 2), dtype=np.float32))
    assert torch.equal(tensor, torch.ones(3, 2, 2))


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"before": (Clahe(3.0),), "after": (ZScore(), Invert())},
        {"geometry": CenterCrop(320, 256, 400, OpenCV("area"))},
    ],
)
def test_json_round_trips(more) -> None:
    options = {"geometry": Squash(320, 256), "channels": 1, "mean": (0.5,), "std": (0.25,)} | more
    preprocessing = Preprocessing(**options)
    assert Preprocessing.from_json(preprocessing.to_json()) == preprocessing


def test_cards_of_earlier_versions_are_unchanged() -> None:
    """A field that says nothing new would make every map anew."""
    values = Preprocessing(Squash(320, 256)).to_json()
    assert list(values) == ["geometry", "channels", "mean", "std"]
    assert values["geometry"] == "squash(height=320, width=256)"


def test_intensities_stand_before_and_after_the_geometry() -> None:
    film = np.random.default_rng(0).random((40, 60), dtype=np.float32)
    before = Preprocessing(Squash(20, 30), 1, (0.0,), (1.0,), before=(MinMax(),))
    after = Preprocessing(Squash(20, 30), 1, (0.0,), (1.0,), after=(MinMax(),))
    assert before.tensor(film).max() < 1  # the brightest pixel was averaged with others
    assert after.tensor(film).max() == 1


def test_black_and_white_are_those_of_the_range_or_of_the_image() -> None:
    fixed = Preprocessing(Squash(2, 2), 1, (0.0,), (1.0,), after=(ToRange(-1024.0, 1024.0),))
    image = torch.tensor([[[-100.0, 3.0], [5.0, 7.0]]])
    assert [end.item() for end in fixed.ends(image)] == [-1024, 1024]
    scored = Preprocessing(Squash(2, 2), 1, (0.0,), (1.0,), after=(ZScore(),))
    assert [end.item() for end in scored.ends(image)] == [-100, 7]
    with pytest.raises(ModelError, match="differ from film to film"):
        _ = scored.black


def test_values_that_an_interpolation_would_cut_are_refused() -> None:
    film = np.random.default_rng(0).random((40, 60), dtype=np.float32)
    with pytest.raises(ModelError, match="into after, or say bits=32"):
        Preprocessing(Squash(20, 30, OpenCV()), before=(ZScore(),)).tensor(film)
    Preprocessing(Squash(20, 30, OpenCV(bits=32)), before=(ZScore(),)).tensor(film)


def test_a_preprocessing_in_words() -> None:
    simple = Preprocessing(Squash(320, 256), channels=1, mean=(0.5,), std=(0.25,))
    assert simple.words == "squash to 320 × 256, 1 channel, mean 0.5, deviation 0.25"
    crop = CenterCrop(224, 224, 256, OpenCV())
    full = Preprocessing(crop, 1, (0.0,), (1.0,), before=(Clahe(),), after=(ZScore(),))
    assert full.words == (
        "center_crop to 224 × 224, resize=256, interpolation=opencv, clahe of the film, z_score,"
        " 1 channel, mean 0, deviation 1"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mean": (1.0, 2.0)}, "2 values of mean for 3 channels"),
        ({"std": (0.0,)}, "positive"),
        ({"std": (math.nan,)}, "finite"),
        ({"mean": (math.inf,)}, "finite"),
        ({"channels": -1}, "-1 channels, expected 1 to 256"),
        ({"channels": 10**9}, r"1e\+09 channels"),
    ],
)
def test_impossible_statistics_are_refused(options, message) -> None:
    with pytest.raises(ModelError, match=message):
        Preprocessing(Squash(2, 2), **options)


def test_unknown_fields_are_refused() -> None:
    values = Preprocessing(Squash(2, 2)).to_json()
    with pytest.raises(ModelError, match="expected"):
        Preprocessing.from_json(values | {"crop": 3})
    with pytest.raises(ModelError, match="geometry"):
        Preprocessing.from_json(values | {"geometry": "sqash(height=2, width=2)"})
