"""The shared pass against autograd over the whole graph, and how often it runs the network."""

import pytest
import torch
from torch import Tensor

from heatproof.models import Model
from heatproof.models.still import held_still
from heatproof.saliency import explain, methods
from heatproof.saliency.forward import ForwardPass
from tests.saliency.conftest import make, make_images


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5 * float(expected.abs().max()))


def whole_graph(model: Model, images: Tensor, target: int) -> tuple[Tensor, Tensor]:
    """Gradients of one logit with respect to images and features."""
    images = images.clone().requires_grad_()
    features, logits = model.features_and_logits(images)
    return torch.autograd.grad(logits[:, target].sum(), (images, features))  # type: ignore[return-value]


def test_gradients_are_those_of_the_whole_graph(model: Model, images: Tensor) -> None:
    model.eval()
    with held_still(model):
        forward = ForwardPass(model, images)
        features, pixels = forward.feature_gradients([1, 0]), forward.input_gradients([1, 0])
        for index, target in enumerate([1, 0]):
            by_pixels, by_features = whole_graph(model, images, target)
            close(pixels[:, index], by_pixels)
            close(features[:, index].expand_as(by_features), by_features)


def test_the_order_of_questions_does_not_matter(model: Model, images: Tensor) -> None:
    with held_still(model):
        first, then = ForwardPass(model, images), ForwardPass(model, images)
        pixels, features = first.input_gradients([0, 2]), first.feature_gradients([2, 1])
        close(then.feature_gradients([2, 1]), features)
        close(then.input_gradients([0, 2]), pixels)
        close(then.logits, first.logits)
        assert not then.logits.requires_grad
        assert not then.features.requires_grad


def test_uniform_heads_keep_one_cell(images: Tensor) -> None:
    for name, grid in (("resnet10t + linear", (1, 1)), ("resnet10t + wildcat", (2, 2))):
        model = make(name)
        with held_still(model):
            assert ForwardPass(model, images).feature_gradients([0]).shape == (3, 1, 64, *grid)


def test_one_pass_serves_many_methods_and_targets(
    model: Model, images: Tensor, monkeypatch
) -> None:
    passes = []
    run = model.features_and_logits

    def counted(images: Tensor, *, cut: bool = False):
        passes.append(len(images))
        return run(images, cut=cut)

    monkeypatch.setattr(model, "features_and_logits", counted)
    specs = ["grad_cam", "gradient", "grad_cam(relu=False)", "gradient(channels='sum')"]
    if model.has_class_map:
        specs.append("class_map")
    explain(methods.parts(specs), model, images, [0, 1, 2])
    assert passes == [3]


def test_weights_never_get_gradients(model: Model, images: Tensor) -> None:
    with held_still(model):
        forward = ForwardPass(model, images)
        forward.input_gradients([0])
        assert not any(parameter.requires_grad for parameter in model.parameters())


def test_held_still_restores_modes_one_by_one(model: Model) -> None:
    model.train()
    inner = list(model.modules())[-1]
    inner.eval()
    with held_still(model):
        assert not any(module.training for module in model.modules())
    assert model.training
    assert not inner.training


@pytest.mark.parametrize("name", ["resnet10t + linear", "resnet10t + wildcat", "adapted"])
def test_a_rule_for_the_way_back_leaves_the_values_and_saves_a_pass(name: str, monkeypatch) -> None:
    model, films = make(name), make_images()
    plain = explain(methods.parts(["grad_cam"]), model, films, [0, 1])
    runs, run = [], model.features_and_logits
    monkeypatch.setattr(
        model, "features_and_logits", lambda *a, **o: runs.append(1) or run(*a, **o)
    )
    guided = explain(methods.parts(["guided_backprop"]), model, films, [0, 1])
    assert len(runs) == 1
    assert torch.equal(guided.logits, plain.logits)
    both = explain(methods.parts(["grad_cam", "guided_backprop"]), model, films, [0, 1])
    for spec, maps in (guided.maps | plain.maps).items():
        assert torch.equal(both.maps[spec].values, maps.values)
