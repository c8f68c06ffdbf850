"""Every method on every backbone: a map that keeps the promises, or a refusal.

``REFUSED`` holds which backbones the methods of this package refuse.  A new method may refuse any,
in the words of a MapError, and needs no entry anywhere in this file.
"""

import itertools
from functools import lru_cache

import pytest
import torch
from torch import Tensor, nn

from heatproof.data.geometry import Squash
from heatproof.errors import MapError
from heatproof.models.backbones import backbones
from heatproof.models.classifier import Classifier, build
from heatproof.models.preprocessing import Preprocessing
from heatproof.saliency import asks_finding, explain, methods
from tests.saliency.conftest import FINDINGS
from tests.saliency.methods.test_every_method import CHEAP, SHIPPED

# The smallest multiples of the stride (plus what is not padded) with more than one cell.
SIDES = {"inception": 107, "vit": 48, "deit": 48}
TARGETS = [2, 0]
CHEAPEST = CHEAP | {
    "guided_integrated_gradients": "guided_integrated_gradients(steps=2)",
    "gradient_shap": "gradient_shap(samples=2)",
    "integrated_gradients": "integrated_gradients(steps=2)",
    "occlusion": "occlusion(window=32, stride=32)",
    "rise": "rise(masks=4)",
    "smooth_grad": "smooth_grad(samples=2)",
}

# What of a network a shipped method works by, and which families lack it; all else must work.
NO_RELU = ("efficientnet", "convnext", "vit", "deit")
NO_ATTENTION = ("resnet", "densenet", "vgg", "inception", "efficientnet", "convnext")
NO_RESCALE = ("efficientnet_b", "convnext", "vit", "deit")  # gates, layer norm
REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "attention_rollout": (NO_ATTENTION, "no attention"),
    "deconvnet": (NO_RELU, "rule for ReLU"),
    "deep_lift": (NO_RESCALE, "which the Rescale rule does not cover"),
    "gradient_attention": (NO_ATTENTION, "no attention"),
    "guided_backprop": (NO_RELU, "rule for ReLU"),
    "guided_grad_cam": (NO_RELU, "rule for ReLU"),
    "lrp": (("vit", "deit"), "no rule for scaled_dot_product_attention"),
}
SHOWS_THE_GRADIENT = {"gradient", "percentile_view"}
SAME_FOR_UNIFORM_HEADS = ("grad_cam", "hires_cam", "x_grad_cam")
AT_ONCE = {
    *(("resnet18", method) for method in ("guided_backprop", "grad_cam", "smooth_grad")),
    *(("convnext_tiny", method) for method in ("guided_backprop", "gradient")),
    *(("vit_small", method) for method in ("attention_rollout", "layer_cam", "eigen_cam")),
}

NAMES = [name for name in backbones.names() if name not in ("timm", "patches")]  # any other, within


def sampled() -> list:
    return [
        pytest.param(n, marks=() if n in ("resnet18", "vit_small") else pytest.mark.slow)
        for n in NAMES
    ]


def pairs() -> list:
    """A sample at once, the others with the slow tests; backbone by backbone, each built once."""
    new = {("resnet18", method) for method in methods.names() if method not in SHIPPED}
    return [
        pytest.param(*pair, marks=() if pair in AT_ONCE | new else pytest.mark.slow)
        for pair in itertools.product(NAMES, methods.names())
    ]


def images_for(name: str, count: int = 2) -> Tensor:
    side = next((side for family, side in SIDES.items() if name.startswith(family)), 64)
    images = torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(2))
    return images.double()  # in float32 rounding alone changes some gradients by 4 %


@lru_cache(maxsize=1)  # all together take gigabytes
def model_for(name: str) -> Classifier:
    """Random, but such that every part matters and nothing grows out of bounds."""
    images = images_for(name, 8)
    preprocessing = Preprocessing(Squash(*images.shape[2:]))
    model = build(name, "linear", FINDINGS, preprocessing).double()
    generator = torch.Generator().manual_seed(3)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # statistics of exactly these images
        if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
            module.weight.data.uniform_(0.5, 1.5, generator=generator)
            module.bias.data.uniform_(-0.2, 0.2, generator=generator)
        if isinstance(gamma := getattr(module, "gamma", None), nn.Parameter):  # ConvNeXt's
            gamma.data.uniform_(0.5, 1.5, generator=generator)
        if name.startswith(("vit", "deit")) and isinstance(module, nn.Linear):
            module.weight.data.mul_(3)  # attention far from uniform
    with torch.no_grad():
        model.train()(images)
    return model.eval()


@lru_cache(maxsize=1)
def gradients_for(name: str) -> dict[str, Tensor]:
    """Plain gradients, in each convention."""
    specs = [f"gradient(channels={kind!r})" for kind in ("max_abs", "sum_abs", "sum")]
    explanation = explain(methods.parts(specs), model_for(name), images_for(name), TARGETS)
    return {spec: maps.values for spec, maps in explanation.maps.items()}


def parallel(first: Tensor, second: Tensor) -> bool:
    """Whether some map of the first is a multiple of that of the second."""
    if first.shape != second.shape:
        return False
    cosines = nn.functional.cosine_similarity(first.flatten(2), second.flatten(2), dim=2)
    return bool((cosines.abs() > 0.9999).any())


def state(model: nn.Module) -> dict[str, object]:
    """All that could be changed; of weights the exact sum of their bits."""
    tensors = model.state_dict()
    return {
        "weights": {
            name: int((t.view(torch.int64) if t.is_floating_point() else t).sum())
            for name, t in tensors.items()
        },
        "places": {name: (t.data_ptr(), t.stride(), t.dtype) for name, t in tensors.items()},
        "modes": [module.training for module in model.modules()],
        "hooks": [
            len(value) for m in model.modules() for k, value in vars(m).items() if "hooks" in k
        ],
        "forwards": [m for m in model.modules() if "forward" in vars(m)],
        "grads": [(p.grad, p.requires_grad) for p in model.parameters()],
        "random": torch.random.get_rng_state().numpy().tobytes(),
        "torch function modes": torch._C._len_torch_function_stack(),
    }


def maps(spec: str, model: Classifier, images: Tensor, targets=TARGETS) -> Tensor:
    return explain({"": methods.parse(spec)}, model, images, targets).maps[""].values


def refusal(name: str, method: str) -> str | None:
    families, reason = REFUSED.get(method, ((), ""))
    return reason if name.startswith(families) else None


@pytest.mark.parametrize(("name", "method"), pairs())
def test_a_method_keeps_its_promises_or_refuses(name: str, method: str, monkeypatch) -> None:
    model, images, spec = model_for(name), images_for(name), CHEAPEST.get(method, method)
    gradients = gradients_for(name)
    model.train()
    model.backbone[0].eval()  # as those do who freeze the stem
    before, pixels = state(model), images.clone()
    reason = refusal(name, method)
    if reason is not None:
        with pytest.raises(MapError, match=f"not defined for this network.*{reason}"):
            maps(spec, model, images)
        assert state(model) == before
        return
    try:
        values = maps(spec, model, images)
    except MapError:
        assert method not in SHIPPED, "it must work on this network"
        assert state(model) == before
        return
    alone = maps(spec, model, images[1:], TARGETS[:1])
    assert state(model) == before
    assert torch.equal(images, pixels)
    assert values.shape[:2] == (2, 2)
    assert values.dtype == torch.float64
    assert values.isfinite().all()
    assert (values != 0).any()  # ReLU may leave nothing of the evidence for one finding
    assert not torch.allclose(values[0], values[1], rtol=1e-3)
    same = torch.allclose(values[:, 0], values[:, 1], rtol=1e-3)
    assert same != asks_finding(methods.parse(spec))
    assert (values[1:, :1] - alone).norm() <= 1e-6 * alone.norm()
    if method not in SHOWS_THE_GRADIENT:
        for kind, gradient in gradients.items():
            assert not parallel(values, gradient), f"it is the {kind} of the plain gradient"

    last = model.head.classifier
    with monkeypatch.context() as patched:
        patched.setattr(last, "forward", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            maps(spec, model, images)
    assert state(model) == before


def test_names_in_the_tables_exist() -> None:
    names = set(methods.names())
    assert names >= SHIPPED >= set(REFUSED)
    assert names >= {method for _, method in AT_ONCE}
    for families, _ in REFUSED.values():
        assert all(any(name.startswith(f) for name in NAMES) for f in families)


@pytest.mark.parametrize("name", sampled())
def test_cams_coincide_where_the_head_sees_the_mean_alone(name: str) -> None:
    """With GAP and a linear head Grad-CAM, HiRes-CAM and XGrad-CAM are CAM / (y x)."""
    model, images = model_for(name), images_for(name)
    expected = maps("class_map", model, images)
    expected = expected / expected[0, 0].numel()
    for method in SAME_FOR_UNIFORM_HEADS:
        signed = maps(f"{method}(relu=False)", model, images)
        assert (signed - expected).norm() <= 1e-8 * expected.norm(), method
        clipped = maps(f"{method}(relu=True)", model, images)
        assert (clipped - expected.relu()).norm() <= 1e-8 * expected.norm(), method
