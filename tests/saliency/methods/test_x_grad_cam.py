import numpy as np
import pytest
import torch
from torch import Tensor

from heatproof.models import Model
from heatproof.saliency import explain, methods
from tests.saliency.conftest import by_hand, make, witnessed

SIGNED = "x_grad_cam(relu=False)"


def maps(specs: list[str], model: Model, images: Tensor) -> list[np.ndarray]:
    found = explain(methods.parts(specs), model.double(), images.double(), [2, 0])
    return [found.maps[spec].values.numpy() for spec in specs]


def test_equals_its_definition(model: Model, images: Tensor) -> None:
    positive, signed = maps(["x_grad_cam", SIGNED], model, images)
    for index, target in enumerate([2, 0]):
        features, gradients = by_hand(model, images.double(), target)
        expected = np.zeros_like(features[:, 0])
        for image, channel in np.ndindex(features.shape[:2]):
            map_ = features[image, channel]
            if map_.any():
                weight = (map_ / map_.sum() * gradients[image, channel]).sum()
                expected[image] += weight * map_
        np.testing.assert_allclose(signed[:, index], expected, rtol=1e-7, atol=1e-10)
        np.testing.assert_allclose(positive[:, index], expected.clip(0), rtol=1e-7, atol=1e-10)


def test_conservation(model: Model, images: Tensor) -> None:
    """It sums to what the features add up to: the sum of A * dy/dA (Fu et al., section 3)."""
    signed, hires = maps([SIGNED, "hires_cam"], model, images)
    np.testing.assert_allclose(signed.sum(axis=(2, 3)), hires.sum(axis=(2, 3)), rtol=1e-7)


def test_features_that_are_zero_everywhere_count_for_nothing(images: Tensor) -> None:
    model = make("resnet10t + wildcat").double().eval()
    features, _ = by_hand(model, images.double(), 0)
    last = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for module in last[-2:]:  # the block and its shortcut, whose sum is rectified
        module.weight.data[:12] = 0
        module.bias.data[:12] = -1
    silent, _ = by_hand(model, images.double(), 0)
    assert not silent[:, :12].any()
    assert features[:, :12].any()
    (found,) = maps([SIGNED], model, images)
    assert np.isfinite(found).all()
    assert found.any()


@pytest.mark.parametrize("name", ["resnet10t + linear", "resnet10t + wildcat"])
def test_pytorch_grad_cam_agrees(name: str, images: Tensor) -> None:
    """But for the 1e-7 that it adds to each sum of features."""
    model, images = make(name).double(), images.double()
    (found,) = maps([SIGNED], model, images)
    theirs = witnessed("XGradCAM", model, images, 2)
    np.testing.assert_allclose(found[:, 0], theirs, rtol=1e-4, atol=1e-5 * np.abs(theirs).max())
