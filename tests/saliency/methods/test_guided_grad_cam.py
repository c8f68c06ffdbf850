"""Guided Grad-CAM as a product, and as captum and PAIR's views find it."""

import warnings

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from heatproof.models import Model
from heatproof.models.adapter import Adapted
from heatproof.saliency import explain, methods
from heatproof.saliency.methods.guided_grad_cam import _view
from tests.saliency.conftest import FINDINGS, PREPROCESSING, make

GUIDED = "guided_backprop(channels='sum')"


def positive(name: str) -> Model:
    """A model whose features all speak for every finding, so that no Grad-CAM is zero."""
    model = make(name).eval().double()
    next(model.head.parameters()).data.abs_()  # type: ignore[union-attr]
    return model


def upsampled(cells: np.ndarray, side: int) -> np.ndarray:
    """Bilinear between the centres of the cells, constant beyond the outermost; by the formula."""
    count = len(cells)
    at = ((np.arange(side) + 0.5) * count / side - 0.5).clip(0, count - 1)
    low = np.floor(at).astype(int).clip(0, max(0, count - 2))
    high, share = (low + 1).clip(0, count - 1), at - low
    rows = cells[low] * (1 - share)[:, None] + cells[high] * share[:, None]
    return rows[:, low] * (1 - share) + rows[:, high] * share


def test_it_is_the_product_of_its_factors(model: Model, images: Tensor) -> None:
    specs = [GUIDED, "grad_cam", "guided_grad_cam"]
    found = explain(methods.parts(specs), model.double(), images.double(), [2, 0])
    guided, cam, product = (found.maps[spec].values.numpy() for spec in specs)
    for image in range(3):
        for target in range(2):
            expected = guided[image, target] * upsampled(cam[image, target], images.shape[-1])
            np.testing.assert_allclose(product[image, target], expected, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("name", ["resnet10t + wildcat", "resnet18 + linear"])
def test_captum_agrees(name: str, images: Tensor) -> None:
    attr = pytest.importorskip("captum.attr")
    model, images = positive(name), images.double().requires_grad_()
    found = explain(methods.parts(["guided_grad_cam"]), model, images.detach(), [0, 1, 2])
    for target in range(3):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            witness = attr.GuidedGradCam(model, model.backbone)
            # By default captum upsamples to the nearest cell; the paper says bilinear.
            expected = witness.attribute(images, target=target, interpolate_mode="bilinear")
        expected = expected.sum(dim=1).detach()
        difference = found.maps["guided_grad_cam"].values[:, target] - expected
        assert difference.norm() <= 1e-8 * expected.norm()
        assert expected.norm() > 0


def test_views_are_those_of_pair() -> None:
    saliency = pytest.importorskip("saliency.core")
    maps = torch.randn(2, 3, 3, 20, 24, generator=torch.Generator().manual_seed(0)).double()
    found = _view(maps.abs().sum(dim=2))
    for image in range(2):
        for target in range(3):
            pixels = maps[image, target].permute(1, 2, 0).numpy()
            expected = saliency.VisualizeImageGrayscale(pixels, percentile=99)
            np.testing.assert_allclose(found[image, target].numpy(), expected, rtol=1e-12)


def test_the_product_of_views(images: Tensor) -> None:
    model, spec = positive("resnet10t + wildcat"), "guided_grad_cam(product='views')"
    specs = ["guided_backprop(channels='sum_abs')", "grad_cam", spec]
    found = explain(methods.parts(specs), model, images.double(), [1]).maps
    guided, cam, product = (found[spec].values[:, 0].numpy() for spec in specs)
    for image in range(3):
        views = []
        for magnitude in (guided[image], upsampled(cam[image], images.shape[-1])):
            low, high = magnitude.min(), np.percentile(magnitude, 99)
            views.append(np.clip((magnitude - low) / (high - low), 0, 1))
        np.testing.assert_allclose(product[image], views[0] * views[1], rtol=1e-8, atol=1e-12)
    assert product.min() >= 0
    assert product.max() <= 1


def test_a_constant_factor_has_no_view(images: Tensor) -> None:
    model = make("resnet18 + linear")
    model.head.classifier.weight.data[0] = -1.0  # type: ignore[union-attr,index]
    specs = ["guided_grad_cam", "guided_grad_cam(product='views')"]
    found = explain(methods.parts(specs), model, images, [0]).validity
    assert {row[0] for row in found[specs[0]]} == {"zero"}
    assert {row[0] for row in found[specs[1]]} == {"not finite"}


def test_nor_has_one_whose_upsampling_rounds(images: Tensor) -> None:
    """Features of one cell: Grad-CAM is one value, and its enlargement is nearly."""

    class OneCell(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(
                nn.Conv2d(3, 1, 5), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Conv2d(1, 1, 1)
            )
            self.last = nn.Linear(1, len(FINDINGS))

        def forward(self, pixels: Tensor) -> Tensor:
            return self.last(self.features(pixels).mean(dim=(2, 3)))

    network = OneCell()
    model = Adapted(network, "features", FINDINGS, PREPROCESSING)
    network.features[2].output_size = 1  # of one cell, nothing tells rows from columns
    for parameter in model.parameters():
        parameter.data.fill_(0.37)
    specs = ["guided_grad_cam(product='views')", "grad_cam", GUIDED]
    found = explain(methods.parts(specs), model, images.abs(), [0]).validity
    assert {row[0] for row in found["grad_cam"]} == {"constant"}
    assert {row[0] for row in found[GUIDED]} <= {"ok", "tied"}
    assert {row[0] for row in found[specs[0]]} == {"not finite"}
