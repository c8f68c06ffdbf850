"""Edges by loops, and as scipy finds them."""

import numpy as np
import pytest
import scipy.ndimage
import torch
from torch import Tensor

from heatproof.data.geometry import Squash
from heatproof.models import Model
from heatproof.saliency import explain, methods
from heatproof.saliency.methods.edges import magnitude
from tests.saliency.conftest import make


def edges(model: Model, images: Tensor) -> np.ndarray:
    return explain(methods.parts(["edges"]), model, images, [0, 2]).maps["edges"].values.numpy()


def test_scipy_agrees(images: Tensor) -> None:
    found = edges(make("adapted").double(), images.double())
    for image, map_ in zip(images.double().numpy(), found[:, 0], strict=True):
        slopes = [scipy.ndimage.sobel(image.mean(axis=0), axis, mode="nearest") for axis in (0, 1)]
        np.testing.assert_allclose(map_, np.hypot(*slopes), rtol=1e-12, atol=1e-12)


def test_a_step_and_a_ramp(images: Tensor) -> None:
    step, ramp = torch.zeros(2, 3, *images.shape[2:]).unbind()
    step[:, :, 20:] = 1.0
    ramp += torch.arange(images.shape[-1])
    found = edges(make("adapted"), torch.stack([step, ramp]))[:, 0]
    assert (found[0][:, 19:21] == 4).all()  # 1 + 2 + 1
    assert found[0].sum() == 4 * 2 * images.shape[-2]
    assert (found[1][:, 1:-1] == 8).all()  # twice that, over two pixels


def test_the_model_does_not_matter(images: Tensor) -> None:
    assert (edges(make("adapted"), images) == edges(make("resnet10t + wildcat"), images)).all()


@pytest.mark.parametrize("value", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("size", [(2320, 2828), (331, 257)])
def test_a_blank_film_has_none_after_it_is_resized(value: float, size: tuple[int, int]) -> None:
    film = Squash(224, 224).image(np.full(size, value, np.float32))
    assert magnitude(torch.from_numpy(film)[None, None]).count_nonzero() == 0


def test_the_faintest_step_of_a_film_is_an_edge() -> None:
    """One of 65,535 grey values."""
    film = np.ones((64, 64), np.float32)
    film[:, 32:] -= 1 / 65_535
    found = magnitude(torch.from_numpy(film)[None, None])
    assert found.count_nonzero() == 2 * 64
