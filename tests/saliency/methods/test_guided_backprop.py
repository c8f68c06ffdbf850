"""Guided backpropagation by hand on a small network, and as captum finds it on a large one."""

import warnings

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from heatproof.errors import MapError, ModelError
from heatproof.models.adapter import Adapted
from heatproof.saliency import explain, methods
from tests.saliency.conftest import FINDINGS, PREPROCESSING, SIDE, make
from tests.saliency.methods.test_deconvnet import backwards_by_hand, two_layers


def guided(gradient: np.ndarray, before: np.ndarray) -> np.ndarray:
    return gradient * (gradient > 0) * (before > 0)


def test_by_hand_on_two_layers(images: Tensor) -> None:
    network = two_layers()
    model = Adapted(network, "first", FINDINGS, PREPROCESSING)
    spec = "guided_backprop(channels='sum')"
    found = explain(methods.parts([spec]), model.double(), images.double(), [0, 2]).maps[spec]
    for index, target in enumerate([0, 2]):
        expected = backwards_by_hand(network, images.double(), target, guided).sum(axis=1)
        np.testing.assert_allclose(found.values[:, index].numpy(), expected, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("name", ["resnet10t + linear", "resnet18 + linear"])
def test_captum_agrees(name: str, images: Tensor) -> None:
    attr = pytest.importorskip("captum.attr")
    model, images = make(name).eval().double(), images.double().requires_grad_()
    spec = "guided_backprop(channels='sum')"
    found = explain(methods.parts([spec]), model, images.detach(), [1]).maps[spec].values[:, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = attr.GuidedBackprop(model).attribute(images, target=1).sum(dim=1).detach()
    assert (found - expected).norm() <= 1e-8 * expected.norm()


def test_it_is_not_the_gradient(classifier, images: Tensor) -> None:
    found = explain(methods.parts(["guided_backprop", "gradient"]), classifier, images, [0]).maps
    ours, plain = (found[spec].values.flatten() for spec in found)
    assert torch.corrcoef(torch.stack([ours, plain]))[0, 1] < 0.95


@pytest.mark.parametrize("activation", [nn.SiLU, nn.GELU, nn.LeakyReLU, nn.Identity])
def test_other_activations_are_refused(activation: type[nn.Module], images: Tensor) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), activation(), nn.Flatten(), nn.LazyLinear(3))
    network(torch.zeros(1, 3, SIDE, SIDE))
    model = Adapted(network, "0", FINDINGS, PREPROCESSING)
    with pytest.raises((MapError, ModelError), match="rule for ReLU"):
        explain(methods.parts(["guided_backprop"]), model, images, [0])
