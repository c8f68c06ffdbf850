import numpy as np
import pytest
import torch
from torch import Tensor

from heatproof.models import Model
from heatproof.saliency import explain, methods
from heatproof.types import Validity
from tests.saliency.conftest import by_hand, make, witnessed


def maps(model: Model, images: Tensor) -> np.ndarray:
    found = explain(methods.parts(["eigen_cam"]), model, images, [2, 0])
    return found.maps["eigen_cam"].values.numpy()


def test_is_the_projection_on_the_first_right_singular_vector(model: Model, images: Tensor) -> None:
    model, images = model.double(), images.double()
    found = maps(model, images)
    features, _ = by_hand(model, images, 0)
    for image, channels in enumerate(features):
        cells = channels.reshape(len(channels), -1).T
        cells = cells - cells.mean(axis=0)
        vector = np.linalg.svd(cells)[2][0]
        expected = (cells @ vector).reshape(channels.shape[1:])
        if np.cov(expected.ravel(), channels.mean(axis=0).ravel(), bias=True)[0, 1] < 0:
            expected = -expected
        np.testing.assert_allclose(found[image, 0], expected, rtol=1e-7, atol=1e-9)


def test_is_the_same_for_every_target(model: Model, images: Tensor) -> None:
    found = maps(model, images)
    assert np.array_equal(found[:, 0], found[:, 1])


def test_where_the_features_have_one_pattern_it_is_that_pattern(images: Tensor) -> None:
    """Whatever its sign in each channel, as long as it is positive in their mean."""
    model = make("adapted")
    pattern = torch.randn(1, 1, 12, 12, generator=torch.Generator().manual_seed(3)).double()
    pattern -= pattern.mean()
    strengths = torch.tensor([3.0, -1, 2, -2, 1, 1, 0, -1]).double().view(1, 8, 1, 1)
    features = strengths * pattern + 5
    model.features_and_logits = lambda images, cut: (features, torch.zeros(1, 3))  # type: ignore[method-assign,assignment]
    expected = pattern[0, 0] * strengths.norm()
    np.testing.assert_allclose(maps(model, images[:1])[0, 0], expected, rtol=1e-9, atol=1e-9)


def test_a_broken_image_spoils_only_its_own_map(model: Model, images: Tensor) -> None:
    images[1] = torch.nan
    found = explain(methods.parts(["eigen_cam"]), model, images, [0])
    broken = [row[0] == Validity.NOT_FINITE for row in found.validity["eigen_cam"]]
    assert broken == [False, True, False]


def test_one_cell_cannot_vary(images: Tensor) -> None:
    model = make("densenet121 + linear")  # 48 / 32 pixels: a single cell
    found = explain(methods.parts(["eigen_cam"]), model, images[:1], [0])
    assert found.validity["eigen_cam"] == ((Validity.ZERO,),)


@pytest.mark.parametrize("name", ["resnet10t + linear", "resnet10t + wildcat"])
def test_pytorch_grad_cam_agrees_up_to_the_sign(name: str, images: Tensor) -> None:
    model, images = make(name).double(), images.double()
    found, theirs = maps(model, images)[:, 0], witnessed("EigenCAM", model, images, 2)
    signs = np.sign((found * theirs).sum(axis=(1, 2), keepdims=True))
    np.testing.assert_allclose(found, signs * theirs, rtol=1e-4, atol=1e-5 * np.abs(found).max())
