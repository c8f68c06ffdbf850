"""What every registered method promises, on every kind of model.

A method may refuse a network, in the words of a MapError.  For the methods of this package
``REFUSED`` holds which do; a new method needs no entry anywhere in this file.
"""

import itertools
from contextlib import suppress
from functools import cache

import pytest
import torch
from torch import Tensor

from heatproof.errors import MapError, ModelError
from heatproof.models import Model
from heatproof.models.adapter import Adapted
from heatproof.models.still import held_still
from heatproof.saliency import Explanation, Maps, asks_finding, explain, methods
from heatproof.saliency.forward import ForwardPass
from tests.saliency.conftest import BUILT, NAMES, make, make_images, parameters

# Cheap options where the defaults are for large images; others are tested as they are.
CHEAP = {
    "xrai": "xrai(base=integrated_gradients(steps=2, baseline='extremes'))",
    "guided_integrated_gradients": "guided_integrated_gradients(steps=3)",
    "gradient_shap": "gradient_shap(samples=3)",
    "blur_integrated_gradients": "blur_integrated_gradients(steps=3, max_sigma=6.0)",
    "integrated_gradients": "integrated_gradients(steps=3)",
    "occlusion": "occlusion(window=16, stride=16)",
    "rise": "rise(masks=8)",
    "score_cam": "score_cam(channels=4)",
    "smooth_grad": "smooth_grad(samples=3)",
}
# Methods that must work wherever no table of refusals names them.
# fmt: off
SHIPPED = frozenset([
    "ablation_cam", "attention_rollout", "attn_lrp", "blur_integrated_gradients",
    "class_map", "deconvnet", "deep_lift", "edges", "eigen_cam", "explained_scalar",
    "full_grad", "grad_cam", "grad_cam_plus_plus", "gradient", "gradient_attention",
    "gradient_shap", "guided_backprop",
    "guided_grad_cam", "guided_integrated_gradients", "hires_cam", "input_x_gradient",
    "integrated_gradients", "layer_cam", "lrp", "occlusion", "percentile_view", "random",
    "rise", "score_cam", "smooth_grad", "x_grad_cam", "xrai",
])
# fmt: on
# Methods that refuse networks of this file, why, and whether an adapted network alone.
REFUSED = {
    "ablation_cam": ("runs the head alone", True),
    "attention_rollout": ("no attention", False),  # for networks with it: test_every_backbone
    "gradient_attention": ("no attention", False),
    "class_map": ("reads the class map of a head", True),
}
SPECS = [CHEAP.get(name, name) for name in methods.names()]
TARGETS = [0, 2]


def may_refuse(spec: str, model: Model) -> bool:
    method = spec.partition("(")[0]
    _, adapted_alone = REFUSED.get(method, ("", None))
    refuses = method in REFUSED and (not adapted_alone or isinstance(model, Adapted))
    return refuses or method not in SHIPPED


def refuses(spec: str, model: Model) -> bool:
    """Whether the method does refuse the network, tried where it may."""
    if not may_refuse(spec, model):
        return False
    images = make_images()[:1].to(next(model.parameters()).dtype)
    try:
        explain(methods.parts([spec]), model, images, TARGETS)
    except MapError:
        return True
    return False


def maps(spec: str, model: Model, images: Tensor, targets=TARGETS) -> Maps:
    try:
        return explain(methods.parts([spec]), model, images, targets).maps[spec]
    except MapError as error:
        if may_refuse(spec, model):
            pytest.skip(f"refused: {error}")
        raise


@pytest.mark.parametrize("name", parameters(NAMES))
@pytest.mark.parametrize("method", REFUSED)
def test_shipped_methods_refuse_these_networks(method: str, name: str) -> None:
    reason, adapted_alone = REFUSED[method]
    if adapted_alone and name != "adapted":
        pytest.skip("it works here")
    with pytest.raises(MapError, match=reason):
        explain(methods.parts([method]), make(name), make_images(), TARGETS)


def test_every_method_is_registered() -> None:
    assert {"gradient", "integrated_gradients", "grad_cam", "occlusion", "class_map"} <= set(
        methods.names()
    )


def test_every_preset_is_a_set_of_options_that_exist() -> None:
    presets = [f"{name}.{preset}" for name in methods.names() for preset in methods.presets(name)]
    assert {"smooth_grad.pair", "integrated_gradients.arun", "xrai.pair"} <= set(presets)
    for preset in presets:
        assert methods.spec(methods.parse(preset)) not in methods.names(), "it changes nothing"


@pytest.mark.parametrize("spec", SPECS)
def test_specs_round_trip(spec: str) -> None:
    assert methods.spec(methods.parse(spec)) == spec


@pytest.mark.parametrize("spec", SPECS)
def test_maps_are_raw_and_one_per_image_and_target(spec: str, model: Model, images: Tensor) -> None:
    values = maps(spec, model, images).values
    assert values.shape[:2] == (3, 2)
    assert values.dtype == torch.float32
    assert not values.requires_grad
    assert values.isfinite().all()


@pytest.mark.parametrize("spec", SPECS)
def test_the_same_maps_every_time(spec: str, model: Model, images: Tensor) -> None:
    first, again = (maps(spec, model, images).values for _ in range(2))
    assert torch.equal(first, again)


@pytest.mark.parametrize("spec", SPECS)
def test_each_image_is_explained_alone(spec: str, model: Model, images: Tensor) -> None:
    model, images = model.double(), images.double()
    together = maps(spec, model, images).values
    alone = torch.cat([maps(spec, model, image[None]).values for image in images])
    torch.testing.assert_close(together, alone, rtol=1e-6, atol=1e-9 * float(together.abs().max()))


@pytest.mark.parametrize("spec", SPECS)
def test_many_targets_equal_one_by_one(spec: str, model: Model, images: Tensor) -> None:
    model, images = model.double(), images.double()
    together = maps(spec, model, images, [2, 0]).values
    single = torch.cat([maps(spec, model, images, [target]).values for target in (2, 0)], dim=1)
    torch.testing.assert_close(together, single, rtol=1e-6, atol=1e-9 * float(together.abs().max()))


@pytest.mark.parametrize("spec", SPECS)
def test_maps_depend_on_the_target(spec: str, model: Model, images: Tensor) -> None:
    values = maps(spec, model, images, [0, 1, 2]).values
    if not asks_finding(methods.parse(spec)):
        torch.testing.assert_close(values, values[:, :1].expand_as(values))
        return
    if values.shape[2:] == (1, 1):
        pytest.skip("a single cell: the share of the score that it holds is 1 for every target")
    for first, second in itertools.combinations(range(3), 2):
        assert not torch.allclose(values[:, first], values[:, second])


def state(model: Model) -> dict[str, object]:
    weights = {k: v.clone() for k, v in model.state_dict().items()}
    return {
        "weights": {k: v.numpy().tobytes() for k, v in weights.items()},
        "strides": {k: v.stride() for k, v in model.state_dict().items()},
        "modes": {name: module.training for name, module in model.named_modules()},
        "requires_grad": {name: p.requires_grad for name, p in model.named_parameters()},
        "grad": {name: p.grad for name, p in model.named_parameters()},
        "hooks": [
            len(hooks)
            for module in model.modules()
            for hooks in (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks)
        ],
        "random": torch.random.get_rng_state().numpy().tobytes(),
        "grad mode": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
    }


@pytest.mark.parametrize("spec", SPECS)
def test_the_model_is_left_as_it_was(spec: str, model: Model, images: Tensor) -> None:
    model.train()
    next(iter(model.children())).eval()  # as those do who freeze batch norm
    before, pixels = state(model), images.clone()
    with suppress(MapError):  # a refusal leaves it so, too
        explain(methods.parts([spec]), model, images, TARGETS)
    assert state(model) == before
    assert torch.equal(images, pixels)
    assert not images.requires_grad


@pytest.mark.parametrize("spec", SPECS)
def test_and_so_after_an_exception(spec: str, model: Model, images: Tensor, monkeypatch) -> None:
    model.train()
    before = state(model)
    name = list(dict(model.named_modules()))[-1]  # the last layer
    monkeypatch.setattr(model.get_submodule(name), "forward", lambda *_: 1 / 0)
    with pytest.raises((ZeroDivisionError, ModelError)):
        maps(spec, model, images)
    assert state(model) == before


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("spec", SPECS)
def test_the_callers_gradient_mode_does_not_matter(spec, mode, model, images) -> None:
    expected = maps(spec, model, images).values
    with mode():
        assert torch.equal(maps(spec, model, images.clone()).values, expected)


@cache
def together(name: str) -> tuple[Model, Explanation]:
    """Every method that explains the model, in one pass."""
    model = make(name).double()  # in float32 rounding moves the zeros of ReLU
    specs = [spec for spec in SPECS if not refuses(spec, model)]
    return model, explain(methods.parts(specs), model, make_images().double(), TARGETS)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("name", parameters(BUILT))
def test_methods_need_no_more_than_they_say(spec: str, name: str) -> None:
    """Alone or after others in the same pass, a method finds the same."""
    model, explanation = together(name)
    if spec not in explanation.maps:
        pytest.skip("refused")
    everything = explanation.maps[spec].values
    with held_still(model):
        alone = methods.parse(spec)(ForwardPass(model, make_images().double()), TARGETS).values
    torch.testing.assert_close(everything, alone, rtol=1e-6, atol=1e-9 * float(alone.abs().max()))
