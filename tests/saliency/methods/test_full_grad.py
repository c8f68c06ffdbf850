"""FullGrad by explicit bias gradients, and its completeness."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from heatproof.data.geometry import Squash
from heatproof.models.adapter import Adapted
from heatproof.models.preprocessing import Preprocessing
from heatproof.saliency import explain, methods
from tests.saliency.conftest import FINDINGS, PREPROCESSING, make, shaken
from tests.saliency.methods.test_deep_lift import lively
from tests.saliency.methods.test_guided_grad_cam import upsampled


class Explicit(nn.Module):
    """Every bias is a tensor of its own, added where it acts, so that autograd gives its part."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 5, stride=3)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 6, 3, stride=2)
        self.last = nn.Linear(6, len(FINDINGS))

    def forward(self, images: Tensor) -> Tensor:
        x = nn.functional.relu(self.norm(self.first(images)), inplace=True)
        x = nn.functional.max_pool2d(self.second(x).relu_(), 3, 2)
        return self.last(x.mean(dim=(2, 3)))

    def parts(self, image: Tensor, target: int) -> list[np.ndarray]:
        """What the image, the layers' biases in turn, and that of the logit add; one image."""
        image, functional = image.clone().requires_grad_(), nn.functional
        added: list[Tensor] = []

        def add(x: Tensor, bias: Tensor) -> Tensor:
            added.append(bias.detach().view(1, -1, 1, 1).expand_as(x).clone().requires_grad_())
            return x + added[-1]

        x = functional.conv2d(image, self.first.weight, stride=3)
        x = add(x, self.first.bias)
        scale = self.norm.weight / (self.norm.running_var + self.norm.eps).sqrt()
        x = add(x * scale.view(-1, 1, 1), self.norm.bias - self.norm.running_mean * scale)
        x = functional.conv2d(x.relu(), self.second.weight, stride=2)
        x = functional.max_pool2d(add(x, self.second.bias).relu(), 3, 2)
        logit = (x.mean(dim=(2, 3)) @ self.last.weight.T)[0, target]
        gradients = torch.autograd.grad(logit, [image, *added])
        parts = [(g * t)[0].detach() for g, t in zip(gradients, [image, *added], strict=True)]
        return [part.numpy() for part in (*parts, self.last.bias[target].detach())]


def explicit() -> Explicit:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return shaken(Explicit()).eval().double()  # type: ignore[return-value]


def test_by_explicit_biases(images: Tensor) -> None:
    network, images = explicit(), images.double()
    model = Adapted(network, "second", FINDINGS, PREPROCESSING)
    found = explain(methods.parts(["full_grad"]), model, images, [2, 0])
    for index, target in enumerate([2, 0]):
        for image in range(3):
            parts = network.parts(images[image : image + 1], target)
            total = sum(part.sum() for part in parts)
            assert total == pytest.approx(network(images)[image, target].item(), rel=1e-10)
            expected = np.zeros(images.shape[2:])
            for part in parts[:-1]:
                magnitude = np.abs(part)
                magnitude = (magnitude - magnitude.min()) / np.ptp(magnitude)
                for channel in magnitude:
                    expected += upsampled(channel, images.shape[-1])
            ours = found.maps["full_grad"].values[image, index].numpy()
            np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-12)


ARCHITECTURES = {
    "resnet10t": ("layer4", 48),
    "resnet50": ("layer4", 48),
    "densenet121": ("features", 48),
    "vgg11": ("features", 64),
    "vgg19_bn": ("features", 64),
    "inception_v3": ("Mixed_7c", 96),
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n == "resnet10t" else pytest.mark.slow) for n in ARCHITECTURES],
)
def test_the_parts_sum_to_the_logit(name: str) -> None:
    layer, side = ARCHITECTURES[name]
    network = lively(name)
    model = Adapted(network, layer, FINDINGS, Preprocessing(Squash(side, side)))
    images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1)).double()
    found = explain(methods.parts(["full_grad"]), model, images, [0, 1, 2])
    assert found.maps["full_grad"].residual.abs().max() <= 1e-9


@pytest.mark.parametrize("name", ["resnet10t + linear", "resnet10t + wildcat", "adapted"])
def test_it_is_complete_with_every_head(name: str, images: Tensor) -> None:
    found = explain(methods.parts(["full_grad"]), make(name).double(), images.double(), [0, 2])
    assert found.maps["full_grad"].residual.abs().max() <= 1e-9
    single = explain(methods.parts(["full_grad"]), make(name), images, [0, 2])
    assert {validity for row in single.validity["full_grad"] for validity in row} == {"ok"}


@pytest.mark.parametrize("layer", [nn.SiLU(), nn.GroupNorm(2, 4), nn.Sigmoid()])
def test_networks_that_are_not_linear_around_an_image_are_marked(
    layer: nn.Module, images: Tensor
) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Conv2d(3, 4, 5), layer, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        network.append(nn.Linear(4, len(FINDINGS)))
    model = Adapted(network, "0", FINDINGS, PREPROCESSING)
    spec = "full_grad(tolerance=0.0001)"
    found = explain(methods.parts([spec]), model.double(), images.double(), [0, 2])
    assert {validity for row in found.validity[spec] for validity in row} == {"incomplete"}
