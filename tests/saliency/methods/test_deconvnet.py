"""Deconvnet by hand on a small network, and as captum finds it on larger ones."""

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from heatproof.errors import MapError, ModelError
from heatproof.models.adapter import Adapted
from heatproof.saliency import explain, methods
from tests.saliency.conftest import FINDINGS, PREPROCESSING, make


class TwoLayers(nn.Module):
    """Convolution with windows side by side, ReLU, 1 x 1 convolution, ReLU in place, linear."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 5, 8, stride=8)
        self.second = nn.Conv2d(5, 4, 1)
        self.last = nn.Linear(4, len(FINDINGS))

    def forward(self, images: Tensor) -> Tensor:
        features = nn.functional.relu_(self.second(self.first(images).relu()))
        return self.last(features.sum(dim=(2, 3)))


def two_layers() -> TwoLayers:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return TwoLayers().double()


def backwards_by_hand(
    network: TwoLayers,
    images: Tensor,
    target: int,
    rule: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """The gradient (n c h w), with a rule for ReLU, as loops over windows."""
    weights = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    pixels = images.numpy()
    maps = np.zeros_like(pixels)
    for n, image in enumerate(pixels):
        for top in range(0, image.shape[1], 8):
            for left in range(0, image.shape[2], 8):
                window = image[:, top : top + 8, left : left + 8]
                first = np.array([(w * window).sum() for w in weights["first.weight"]])
                first = first + weights["first.bias"]
                mixing = weights["second.weight"][:, :, 0, 0]
                second = mixing @ np.maximum(first, 0) + weights["second.bias"]
                signal = rule(weights["last.weight"][target], second)
                signal = rule(mixing.T @ signal, first)
                for channel, strength in enumerate(signal):
                    part = strength * weights["first.weight"][channel]
                    maps[n, :, top : top + 8, left : left + 8] += part
    return maps


def deconv(gradient: np.ndarray, before: np.ndarray) -> np.ndarray:
    return np.where(gradient > 0, gradient, 0)


def test_by_hand_on_two_layers(images: Tensor) -> None:
    network = two_layers()
    model = Adapted(network, "first", FINDINGS, PREPROCESSING)
    spec = "deconvnet(channels='sum')"
    found = explain(methods.parts([spec]), model, images.double(), [0, 2]).maps[spec]
    for index, target in enumerate([0, 2]):
        expected = backwards_by_hand(network, images.double(), target, deconv).sum(axis=1)
        np.testing.assert_allclose(found.values[:, index].numpy(), expected, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("name", ["resnet10t + linear", "resnet18 + linear"])
def test_captum_agrees(name: str, images: Tensor) -> None:
    attr = pytest.importorskip("captum.attr")
    model, images = make(name).eval().double(), images.double().requires_grad_()
    spec = "deconvnet(channels='sum')"
    found = explain(methods.parts([spec]), model, images.detach(), [1]).maps[spec].values[:, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = attr.Deconvolution(model).attribute(images, target=1).sum(dim=1).detach()
    assert (found - expected).norm() <= 1e-8 * expected.norm()


def test_networks_without_relu_are_refused(images: Tensor) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network.append(nn.Linear(4, 3))
    model = Adapted(network, "0", FINDINGS, PREPROCESSING)
    with pytest.raises((MapError, ModelError), match=r"deconvnet is not defined.*[Ss]ilu"):
        explain(methods.parts(["deconvnet"]), model, images, [0])
