"""Edges by loops, and as scipy finds them."""

import numpy as np
import scipy.ndimage
import torch
from torch import Tensor

from heatproof.models import Model
from heatproof.saliency import explain, methods
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
