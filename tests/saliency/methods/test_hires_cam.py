"""HiRes-CAM re-derived, and what it shares with its relatives."""

import numpy as np
import pytest
import torch
from torch import Tensor

from heatproof.models import Model
from heatproof.saliency import explain, methods
from tests.saliency.conftest import by_hand, make, witnessed

SIGNED = ["hires_cam", "grad_cam(relu=False)", "x_grad_cam(relu=False)"]


def maps(specs: list[str], model: Model, images: Tensor) -> list[np.ndarray]:
    found = explain(methods.parts(specs), model.double(), images.double(), [2, 0])
    return [found.maps[spec].values.numpy() for spec in specs]


def test_equals_its_definition(model: Model, images: Tensor) -> None:
    signed, positive = maps(["hires_cam", "hires_cam(relu=True)"], model, images)
    for index, target in enumerate([2, 0]):
        features, gradients = by_hand(model, images.double(), target)
        expected = (features * gradients).sum(axis=1)
        np.testing.assert_allclose(signed[:, index], expected, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(positive[:, index], expected.clip(0), rtol=1e-9, atol=1e-12)


def test_where_the_gradient_is_uniform_it_is_grad_cam_and_xgrad_cam(images: Tensor) -> None:
    """Draelos & Carin, section 3: all of them generalize CAM."""
    first, *others = maps(SIGNED, make("resnet10t + linear"), images)
    for other in others:
        np.testing.assert_allclose(first, other, rtol=1e-9, atol=1e-12)


def test_where_it_is_not_they_differ(images: Tensor) -> None:
    first, *others = maps(SIGNED, make("resnet10t + wildcat"), images)
    for other in others:
        assert not np.allclose(first, other, rtol=1e-2, atol=1e-3 * np.abs(first).max())


@pytest.mark.parametrize(
    ("name", "last"), [("resnet10t + linear", "head.classifier"), ("adapted", "network.last.1")]
)
def test_it_shares_out_the_logit_less_the_bias(name: str, last: str, images: Tensor) -> None:
    """Where that is affine in the features, if only piece by piece."""
    model = make(name)
    (found,) = maps(["hires_cam"], model, images)
    with torch.no_grad():
        logits = model.eval()(images.double()) - model.get_submodule(last).bias
    np.testing.assert_allclose(found.sum(axis=(2, 3)), logits[:, [2, 0]].numpy(), rtol=1e-9)


@pytest.mark.parametrize("name", ["resnet10t + linear", "resnet10t + wildcat"])
def test_pytorch_grad_cam_and_captum_agree(name: str, images: Tensor) -> None:
    model, images = make(name).double(), images.double()
    (found,) = maps(["hires_cam"], model, images)
    theirs = witnessed("HiResCAM", model, images, 2)
    np.testing.assert_allclose(found[:, 0], theirs, rtol=1e-9, atol=1e-12)
    attr = pytest.importorskip("captum.attr")
    layer = attr.LayerGradientXActivation(model, model.backbone)  # type: ignore[union-attr,arg-type]
    theirs = layer.attribute(images, target=2).sum(dim=1).detach().numpy()
    np.testing.assert_allclose(found[:, 0], theirs, rtol=1e-9, atol=1e-12)
