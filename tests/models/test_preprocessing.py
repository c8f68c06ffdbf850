import numpy as np
import pytest
import torch

from heatproof.data.geometry import Squash
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


def test_json_round_trips() -> None:
    preprocessing = Preprocessing(Squash(320, 256), channels=1, mean=(0.5,), std=(0.25,))
    assert Preprocessing.from_json(preprocessing.to_json()) == preprocessing


@pytest.mark.parametrize(
    ("options", "message"),
    [({"mean": (1.0, 2.0)}, "2 values of mean for 3 channels"), ({"std": (0.0,)}, "positive")],
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
