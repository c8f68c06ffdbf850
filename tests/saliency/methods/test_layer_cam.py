import numpy as np
import pytest
from torch import Tensor, nn

from heatproof.models import Model
from heatproof.models.adapter import Adapted
from heatproof.saliency import explain, methods
from tests.saliency.conftest import FINDINGS, PREPROCESSING, SIDE, by_hand, make, witnessed


def maps(specs: list[str], model: Model, images: Tensor) -> list[np.ndarray]:
    found = explain(methods.parts(specs), model.double(), images.double(), [2, 0])
    return [found.maps[spec].values.numpy() for spec in specs]


def test_equals_its_definition_and_is_never_negative(model: Model, images: Tensor) -> None:
    (found,) = maps(["layer_cam"], model, images)
    assert found.min() >= 0
    for index, target in enumerate([2, 0]):
        features, gradients = by_hand(model, images.double(), target)
        expected = np.zeros_like(features[:, 0])
        for channel in range(features.shape[1]):
            expected += np.maximum(gradients[:, channel], 0) * features[:, channel]
        expected = np.maximum(expected, 0)
        np.testing.assert_allclose(found[:, index], expected, rtol=1e-9, atol=1e-12)


def test_features_that_are_negative_do_not_make_it_so(images: Tensor) -> None:
    """Here the features are the pixels, and the gradients the weights."""
    last = nn.Linear(3 * SIDE * SIDE, len(FINDINGS))
    network = nn.Sequential(nn.Identity(), nn.Flatten(), last)
    (found,) = maps(["layer_cam"], Adapted(network, "0", FINDINGS, PREPROCESSING), images)
    weights = last.weight.detach().numpy().reshape(1, 3, 3, SIDE, SIDE)[:, [2, 0]]
    signed = (weights.clip(0) * images.double().numpy()[:, None]).sum(axis=2)
    assert (signed < 0).any()
    np.testing.assert_allclose(found, signed.clip(0), rtol=1e-9, atol=1e-12)


def test_where_no_gradient_is_negative_it_is_hires_cam(images: Tensor) -> None:
    for name in ("resnet10t + linear", "resnet10t + wildcat"):
        model = make(name)
        for parameter in model.head.parameters():  # type: ignore[union-attr]
            parameter.data.abs_()
        found, hires = maps(["layer_cam", "hires_cam"], model, images)
        np.testing.assert_allclose(found, hires, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["resnet10t + linear", "resnet10t + wildcat"])
def test_pytorch_grad_cam_agrees(name: str, images: Tensor) -> None:
    model, images = make(name).double(), images.double()
    (found,) = maps(["layer_cam"], model, images)
    theirs = witnessed("LayerCAM", model, images, 2)
    np.testing.assert_allclose(found[:, 0], theirs, rtol=1e-9, atol=1e-12)
