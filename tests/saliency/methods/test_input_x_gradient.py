import pytest
import torch
from torch import Tensor

from heatproof.models import Model
from heatproof.saliency import explain, methods
from tests.saliency.conftest import make

SPEC = "input_x_gradient"


def maps(model: Model, images: Tensor, spec: str = SPEC) -> Tensor:
    return explain(methods.parts([spec]), model, images, [2, 0]).maps[spec].values


def test_equals_its_definition(model: Model, images: Tensor) -> None:
    model, images = model.double(), images.double()
    found = maps(model, images)
    model.eval()
    for index, target in enumerate([2, 0]):
        for image in range(3):
            pixels = images[image : image + 1].clone().requires_grad_()
            (gradient,) = torch.autograd.grad(model(pixels)[0, target], pixels)
            expected = sum(pixels[0, c].detach() * gradient[0, c] for c in range(3))
            torch.testing.assert_close(found[image, index], expected)


def test_sums_to_the_slope_of_the_logit_as_contrast_grows(model: Model, images: Tensor) -> None:
    """d y(a x) / da at a = 1, by finite differences."""
    model, images = model.double(), images.double()
    found = maps(model, images).sum(dim=(2, 3))
    model.eval()
    step = 1e-6
    with torch.no_grad():
        slope = (model(images * (1 + step)) - model(images * (1 - step)))[:, [2, 0]] / (2 * step)
    torch.testing.assert_close(found, slope, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["resnet10t + linear", "resnet10t + wildcat"])
def test_captum_agrees(name: str, images: Tensor) -> None:
    attr = pytest.importorskip("captum.attr")
    model, images = make(name).eval().double(), images.double()
    theirs = attr.InputXGradient(model).attribute(images.clone().requires_grad_(), target=2)
    torch.testing.assert_close(maps(model, images)[:, 0], theirs.sum(dim=1).detach())
