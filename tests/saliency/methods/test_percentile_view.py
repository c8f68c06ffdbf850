import numpy as np
import pytest
import torch
from torch import Tensor

from heatproof.errors import SpecError
from heatproof.saliency import Maps, explain, methods
from heatproof.saliency.methods.percentile_view import PercentileView
from heatproof.types import Validity
from tests.saliency.conftest import make


def test_it_is_pairs_view_of_the_gradient(images: Tensor) -> None:
    visualization = pytest.importorskip("saliency.core.visualization")
    model = make("resnet10t + linear").double()
    found = explain(methods.parts(["percentile_view"]), model, images.double(), [2, 0])
    pixels = images.double().requires_grad_()
    for index, target in enumerate([2, 0]):
        (gradients,) = torch.autograd.grad(model(pixels)[:, target].sum(), pixels)
        for image, gradient in enumerate(gradients):
            expected = visualization.VisualizeImageGrayscale(gradient.permute(1, 2, 0).numpy())
            ours = found.maps["percentile_view"].values[image, index].numpy()
            np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-9)


def test_of_a_constant_map_it_is_undefined_and_says_so(images: Tensor) -> None:
    model = make("resnet10t + linear")
    model.head.classifier.weight.data.zero_()  # type: ignore[union-attr]
    found = explain(methods.parts(["percentile_view"]), model, images, [0])
    assert found.validity["percentile_view"] == ((Validity.NOT_FINITE,),) * 3


@pytest.mark.parametrize("percentile", [0.0, 101.0, -1.0])
def test_percentiles_lie_between(percentile: float) -> None:
    with pytest.raises(SpecError, match="percentile="):
        methods.parse(f"percentile_view(percentile={percentile})")


def test_rounding_is_not_stretched_to_a_map(images: Tensor) -> None:
    """A map of one value up to rounding has none either."""

    class Rounded:
        title, needs, asks_finding = "Rounded", "logits", False

        def __call__(self, forward, targets) -> Maps:
            values = torch.full((len(forward.images), len(targets), 3, 3), 0.7)
            values[..., 1, 1] = torch.nextafter(values[..., 1, 1], torch.tensor(1.0))
            return Maps(values)

    viewed = {"view": PercentileView(base=Rounded())}
    found = explain(viewed, make("resnet10t + linear"), images, [0])
    assert found.validity["view"] == ((Validity.NOT_FINITE,),) * 3
