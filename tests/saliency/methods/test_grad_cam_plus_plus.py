import numpy as np
import pytest
from torch import Tensor

from heatproof.models import Model
from heatproof.saliency import explain, methods
from tests.saliency.conftest import by_hand, make, witnessed


def maps(specs: list[str], model: Model, images: Tensor) -> list[np.ndarray]:
    found = explain(methods.parts(specs), model.double(), images.double(), [2, 0])
    return [found.maps[spec].values.numpy() for spec in specs]


def test_equals_the_papers_formula_with_nothing_cancelled(model: Model, images: Tensor) -> None:
    (found,) = maps(["grad_cam_plus_plus"], model, images)
    for index, target in enumerate([2, 0]):
        features, gradients = by_hand(model, images.double(), target)
        expected = np.zeros_like(features[:, 0])
        for image, channel in np.ndindex(features.shape[:2]):
            map_, gradient = features[image, channel], gradients[image, channel]
            below = 2 * gradient**2 + map_.sum() * gradient**3
            alpha = np.divide(gradient**2, below, out=np.zeros_like(below), where=below != 0)
            expected[image] += (alpha * np.maximum(gradient, 0)).sum() * map_
        expected = np.maximum(expected, 0)
        np.testing.assert_allclose(found[:, index], expected, rtol=1e-7, atol=1e-10)


def test_small_gradients_are_weighed_as_large_ones(images: Tensor) -> None:
    """They tend to half of what ReLU'd Grad-CAM weights, summed over the grid, give."""
    model = make("resnet10t + linear")
    model.head.classifier.weight.data.abs_().mul_(1e-6)  # type: ignore[union-attr,index]
    found, grad_cam = maps(["grad_cam_plus_plus", "grad_cam"], model, images)
    cells = grad_cam[0, 0].size
    np.testing.assert_allclose(found, grad_cam * cells / 2, rtol=1e-4)


@pytest.mark.parametrize("name", ["resnet10t + linear", "resnet10t + wildcat"])
def test_pytorch_grad_cam_agrees_where_gradients_are_large(name: str, images: Tensor) -> None:
    """It adds 1e-6 to the denominator, which the square of a small gradient does not outweigh."""
    model, images = make(name).double(), images.double()
    for parameter in model.head.parameters():  # type: ignore[union-attr]
        parameter.data *= 1e4
    (found,) = maps(["grad_cam_plus_plus"], model, images)
    theirs = witnessed("GradCAMPlusPlus", model, images, 2)
    np.testing.assert_allclose(
        found[:, 0], theirs.clip(0), rtol=1e-4, atol=1e-5 * np.abs(theirs).max()
    )
