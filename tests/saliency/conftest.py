"""Small models whose logits really depend on the image, and images for them."""

from collections.abc import Iterable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from heatproof.data.geometry import Squash
from heatproof.models import Model
from heatproof.models.adapter import Adapted
from heatproof.models.classifier import build
from heatproof.models.preprocessing import Preprocessing

SIDE = 48
FINDINGS = ("nodule", "effusion", "fracture")
PREPROCESSING = Preprocessing(Squash(SIDE, SIDE))
NARROW = "resnet10t(width=8)"  # every layer of a residual network, at a fraction of the time
BUILT = {
    "resnet10t + linear": (NARROW, "linear"),
    "resnet10t + wildcat": (NARROW, "wildcat(maps=2, highest=2)"),
    "resnet18 + linear": ("resnet18", "linear"),
    "densenet121 + linear": ("densenet121", "linear"),
}
NAMES = (*BUILT, "adapted")


class Own(nn.Module):
    """A user's network: dropout, an in-place ReLU after the features, a frozen bias."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 5, stride=4), nn.BatchNorm2d(8))
        self.last = nn.Sequential(nn.Dropout(0.5), nn.Linear(8, len(FINDINGS)))
        self.body[0].bias.requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        features = nn.functional.relu(self.body(images), inplace=True)
        return self.last(features.amax(dim=(2, 3)))


def shaken(model: nn.Module, seed: int = 0) -> nn.Module:
    """Away from initial values, at which batch norm does nothing and biases are zero."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low in ((module.running_var, 0.5), (module.weight, 0.5)):
                tensor.data.uniform_(low, 1.5, generator=generator)
            for tensor in (module.running_mean, module.bias):
                tensor.data.uniform_(-0.2, 0.2, generator=generator)
    return model


def make(name: str) -> Model:
    if name == "adapted":
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return shaken(Adapted(Own(), "body", FINDINGS, PREPROCESSING))  # type: ignore[return-value]
    return shaken(build(*BUILT[name], FINDINGS, PREPROCESSING))  # type: ignore[return-value]


def by_hand(model: Model, images: Tensor, target: int) -> tuple[np.ndarray, np.ndarray]:
    """Features, and gradients of one logit with respect to them, from the full graph."""
    features, logits = model.eval().features_and_logits(images.clone().requires_grad_())
    (gradients,) = torch.autograd.grad(logits[:, target].sum(), features)
    return features.detach().numpy(), gradients.numpy()


def witnessed(name: str, model: Model, images: Tensor, target: int) -> np.ndarray:
    """The map of pytorch-grad-cam as it is before it is clipped, normalized and resized."""
    witness = pytest.importorskip("pytorch_grad_cam")
    targets = pytest.importorskip("pytorch_grad_cam.utils.model_targets")
    layer = model.eval().backbone[-1]  # type: ignore[union-attr,index]
    with getattr(witness, name)(model, [layer]) as cam:
        cam(images, [targets.ClassifierOutputTarget(target)] * len(images))
        seen = cam.activations_and_grads
        activations, gradients = (
            [tensor.detach().numpy() for tensor in tensors]
            for tensors in (seen.activations, seen.gradients)
        )
        return cam.get_cam_image(images, layer, None, activations[0], (*gradients, None)[0], False)


def parameters(names: Iterable[str]) -> list[object]:
    """A head that sees every cell and a user's network at once, the others with the slow tests."""
    at_once = ("resnet10t + wildcat", "adapted")
    return [pytest.param(n, marks=() if n in at_once else pytest.mark.slow) for n in names]


@pytest.fixture(params=parameters(NAMES))
def model(request: pytest.FixtureRequest) -> Model:
    return make(request.param)


@pytest.fixture(params=parameters(BUILT))
def classifier(request: pytest.FixtureRequest) -> Model:
    return make(request.param)


def make_images() -> Tensor:
    return torch.randn(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def images() -> Tensor:
    return make_images()
