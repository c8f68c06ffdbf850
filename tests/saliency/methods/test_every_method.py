"""What every registered method promises, on every kind of model."""

import itertools
from functools import cache

import pytest
import torch
from torch import Tensor

from heatproof.models import Model
from heatproof.models.adapter import Adapted
from heatproof.saliency import Explanation, Maps, asks_finding, explain, methods
from heatproof.saliency.forward import ForwardPass, held_still
from tests.saliency.conftest import BUILT, make, make_images, parameters

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
HEAD_ALONE = {"ablation_cam"}  # which an adapted network does not have
ELSEWHERE = {"attention_rollout"}  # no model here has attention: see test_every_backbone
SPECS = [CHEAP.get(name, name) for name in methods.names() if name not in ELSEWHERE]
# Maps of these say what part of the score a cell holds, and a single cell holds all of it.
OF_ONE_CELL = ("ablation_cam", "score_cam")
TARGETS = [0, 2]


def maps(spec: str, model: Model, images: Tensor, targets=TARGETS) -> Maps:
    if methods.parse(spec).needs == "class map" and not model.has_class_map:
        pytest.skip("no class map")
    if spec in HEAD_ALONE and isinstance(model, Adapted):
        pytest.skip("no head that can run alone")
    return explain(methods.parts([spec]), model, images, targets).maps[spec]


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
    found = maps(spec, model, images)
    assert found.values.shape[:2] == (3, 2)
    assert found.values.dtype == torch.float32
    assert not found.values.requires_grad
    assert found.values.isfinite().all()


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
    if values.shape[2:] == (1, 1) and spec.startswith(OF_ONE_CELL):
        pytest.skip("features of one cell: a share of it, which is all of it for every target")
    for one, other in itertools.combinations(range(3), 2):
        assert not torch.allclose(values[:, one], values[:, other])


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
    maps(spec, model, images)
    assert state(model) == before
    assert torch.equal(images, pixels)
    assert not images.requires_grad


@pytest.mark.parametrize("spec", SPECS)
def test_and_so_after_an_exception(spec: str, model: Model, images: Tensor, monkeypatch) -> None:
    model.train()
    before = state(model)
    name = list(dict(model.named_modules()))[-1]  # the last layer
    monkeypatch.setattr(model.get_submodule(name), "forward", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
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
    """Every method in one pass."""
    model = make(name).double()  # in float32 rounding moves the zeros of ReLU
    return model, explain(methods.parts(SPECS), model, make_images().double(), TARGETS)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("name", parameters(BUILT))
def test_methods_need_no_more_than_they_say(spec: str, name: str) -> None:
    """Alone or after others in the same pass, a method finds the same."""
    model, explanation = together(name)
    everything = explanation.maps[spec].values
    with held_still(model):
        alone = methods.parse(spec)(ForwardPass(model, make_images().double()), TARGETS).values
    torch.testing.assert_close(everything, alone, rtol=1e-6, atol=1e-9 * float(alone.abs().max()))
