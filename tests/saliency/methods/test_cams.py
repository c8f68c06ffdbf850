"""Grad-CAM and class map, re-derived, and how the two hang together."""

import pytest
import torch
from torch import Tensor

from heatproof.data.geometry import Squash
from heatproof.errors import MapError
from heatproof.models import Model
from heatproof.models.preprocessing import Preprocessing
from heatproof.saliency import explain, methods
from tests.saliency.conftest import make


def test_grad_cam_by_hand_on_the_full_graph(model: Model, images: Tensor) -> None:
    specs = ["grad_cam", "grad_cam(relu=False)"]
    found = explain(methods.parts(specs), model, images, [2, 0])
    model.eval()
    for index, target in enumerate([2, 0]):
        features, logits = model.features_and_logits(images.clone().requires_grad_())
        (gradient,) = torch.autograd.grad(logits[:, target].sum(), features)
        signed = torch.zeros(3, *features.shape[2:])
        for channel in range(features.shape[1]):
            weight = gradient[:, channel].mean(dim=(1, 2)).view(3, 1, 1)
            signed += (weight * features[:, channel]).detach()
        scale = 1e-4 * float(signed.abs().max())
        for spec, expected in zip(specs, (signed.clamp(min=0), signed), strict=True):
            value = found.maps[spec].values[:, index]
            torch.testing.assert_close(value, expected, rtol=1e-3, atol=scale)


def test_densenet_features_are_taken_after_the_last_relu(images: Tensor) -> None:
    model = make("densenet121 + linear")
    features, _ = model.eval().features_and_logits(images)
    assert features.min() == 0


def test_with_a_linear_head_grad_cam_is_cam_but_for_the_size_of_the_grid(images: Tensor) -> None:
    """dy/dA = w / (y*x), so unrectified Grad-CAM is CAM / (y*x) (Selvaraju et al., section 3.1)."""
    for name in ("resnet18 + linear", "densenet121 + linear"):
        found = explain(
            methods.parts(["class_map", "grad_cam(relu=False)"]), make(name), images, [0, 1]
        )
        cam, grad_cam = (found.maps[spec].values for spec in found.maps)
        cells = cam[0, 0].numel()
        torch.testing.assert_close(cam / cells, grad_cam, rtol=1e-4, atol=1e-6)


def test_the_wildcat_class_map_pools_to_the_logit(images: Tensor) -> None:
    model = make("resnet10t + wildcat")
    found = explain(methods.parts(["class_map"]), model, images, [0, 1, 2])
    maps = found.maps["class_map"].values
    torch.testing.assert_close(model.head.pool(maps), found.logits)  # type: ignore[operator,union-attr]


def test_class_maps_need_no_second_pass(images: Tensor) -> None:
    model = make("resnet10t + wildcat").eval()
    passes: list[int] = []
    first = next(iter(model.backbone.children()))  # type: ignore[union-attr]
    handle = first.register_forward_hook(lambda *_: passes.append(1))
    with torch.no_grad():
        features, logits = model.features_and_logits(images)
        maps = model.class_map(features)
    handle.remove()
    assert len(passes) == 1
    torch.testing.assert_close(model.head.pool(maps), logits)  # type: ignore[operator,union-attr]


def test_negative_evidence_gives_a_map_that_says_so(images: Tensor) -> None:
    model = make("resnet18 + linear")
    model.head.classifier.weight.data[0] = -1.0  # type: ignore[union-attr,index]
    found = explain(methods.parts(["grad_cam"]), model, images, [0])
    assert {validity for row in found.validity["grad_cam"] for validity in row} == {"zero"}


def test_before_the_last_relu_as_published_for_densenet(images: Tensor) -> None:
    """The last batch norm run by hand, and the full graph from its output on."""
    model = make("densenet121 + linear").double()
    wide = torch.nn.functional.interpolate(images.double(), 96)
    spec = "grad_cam(relu=False, features='before_relu')"
    model.preprocessing = Preprocessing(Squash(96, 96))
    found = explain(methods.parts([spec]), model, wide, [2]).maps[spec].values[:, 0]
    norm = model.backbone.norm
    given = torch.nn.Sequential(*list(model.backbone)[:-1])(wide)
    before = (given - norm.running_mean.view(-1, 1, 1)) / torch.sqrt(
        norm.running_var.view(-1, 1, 1) + norm.eps
    )
    before = before * norm.weight.view(-1, 1, 1) + norm.bias.view(-1, 1, 1)
    before = before.detach().requires_grad_()
    logits = model.head(before.relu())
    (gradient,) = torch.autograd.grad(logits[:, 2].sum(), before)
    expected = (gradient.mean(dim=(2, 3), keepdim=True) * before).sum(dim=1).detach()
    assert before.min() < 0
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_before_relu_is_refused_where_no_relu_ends_the_features(images: Tensor) -> None:
    chosen = methods.parts(["grad_cam(features='before_relu')"])
    with pytest.raises(MapError, match="name the layer before the ReLU"):
        explain(chosen, make("adapted"), images, [0])
