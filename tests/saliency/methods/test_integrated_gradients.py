"""Exact on a linear network, complete in the limit, and equal to the integral by other means."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from heatproof.data.geometry import Squash
from heatproof.errors import SpecError
from heatproof.models import Model
from heatproof.models.adapter import Adapted
from heatproof.models.preprocessing import Preprocessing
from heatproof.models.still import held_still
from heatproof.saliency import explain, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.methods.integrated_gradients import quadrature
from heatproof.types import Validity
from tests.saliency.conftest import make

RULES = ("midpoint", "left", "right", "trapezoid", "gauss_legendre", "pair")
CAPTUM = {
    "midpoint": "riemann_middle",
    "left": "riemann_left",
    "right": "riemann_right",
    "trapezoid": "riemann_trapezoid",
    "gauss_legendre": "gausslegendre",
}


class Affine(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Identity()
        self.weights = nn.Linear(3 * 8 * 8, 2)

    def forward(self, images: Tensor) -> Tensor:
        return self.weights(self.features(images).flatten(1))


def starts(baseline: str, image: Tensor, preprocessing: Preprocessing) -> list[Tensor]:
    """Preprocessed radiographs that are 0 or 1 everywhere, and so on."""
    black, white = (
        preprocessing.tensor(np.full((8, 8), value, np.float32))[:, :1, :1] for value in (0, 1)
    )
    return {
        "black": [black],
        "white": [white],
        "mean": [torch.zeros(3, 1, 1)],
        "black_and_white": [black, white],
        "extremes": [image.min().expand(3, 1, 1), image.max().expand(3, 1, 1)],
    }[baseline]


@pytest.mark.parametrize("rule", RULES[:-1])
@pytest.mark.parametrize("baseline", ["black", "white", "mean", "black_and_white", "extremes"])
def test_exact_on_a_linear_network(baseline: str, rule: str) -> None:
    net = Affine()
    preprocessing = Preprocessing(Squash(8, 8))
    model = Adapted(net, "features", ["a", "b"], preprocessing)
    images = torch.randn(2, 3, 8, 8)
    spec = f"integrated_gradients(steps=2, baseline='{baseline}', rule='{rule}')"
    found = explain({"ig": methods.parse(spec)}, model, images, [0, 1]).maps["ig"]
    weights = net.weights.weight.detach().view(2, 3, 8, 8)
    for image, maps in zip(images, found.values, strict=True):
        ways = [image - start for start in starts(baseline, image, preprocessing)]
        expected = (torch.stack(ways).mean(dim=0) * weights).sum(dim=1)
        torch.testing.assert_close(maps, expected, rtol=1e-4, atol=1e-5)
    assert found.residual.abs().max() < 1e-3


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_on_a_parabola(rule: str) -> None:
    """Of 3 a^2 over [0, 1], the errors that textbooks give."""
    points, weights = quadrature(rule, 8)
    error = float((3 * points**2 * weights).sum() - 1)
    expected = {
        "midpoint": -1 / (4 * 8**2),
        "left": -3 / (2 * 8) + 1 / (2 * 8**2),
        "right": 3 / (2 * 8) + 1 / (2 * 8**2),
        "trapezoid": 1 / (2 * 7**2),
        "gauss_legendre": 0,
        "pair": (7 / 8) * (1 + 1 / (2 * 7**2)) + 3 / (2 * 8) - 1,
    }[rule]
    assert error == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", ["adapted", "resnet10t + wildcat"])
def test_completeness_converges_with_the_steps(name: str, images: Tensor) -> None:
    model, images = make(name).double(), images[:1].double()
    specs = [f"integrated_gradients(steps={steps})" for steps in (2, 120)]
    found = explain(methods.parts(specs), model, images, [0, 1, 2])
    coarse, fine = (float(found.maps[spec].residual.abs().max()) for spec in specs)
    assert fine < min(0.05, coarse)


@pytest.mark.parametrize("baseline", ["black", "extremes"])
def test_the_residual_is_what_the_map_misses_of_the_rise(
    model: Model, images: Tensor, baseline: str
) -> None:
    model, images = model.double(), images.double()
    spec = f"integrated_gradients(steps=2, baseline='{baseline}'"
    both = {"sum": f"{spec})", "max": f"{spec}, channels='max')"}
    found = explain({k: methods.parse(v) for k, v in both.items()}, model, images, [0, 2]).maps
    maps = found["sum"]
    model.eval()
    for image, values, residual in zip(images, maps.values, maps.residual, strict=True):
        begin = torch.stack(
            [
                start.to(image).expand_as(image)
                for start in starts(baseline, image, model.preprocessing)
            ]
        )
        with torch.no_grad():
            rise = (model(image[None])[0] - model(begin).mean(dim=0))[[0, 2]]
        missed = (values.sum(dim=(1, 2)) - rise) / rise.abs()
        torch.testing.assert_close(residual, missed, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(found["max"].residual, maps.residual)


def test_equals_the_integral_by_loops(model: Model, images: Tensor) -> None:
    model, images = model.double(), images.double()
    reduced = {
        "max": lambda values: values.amax(1),
        "max_abs": lambda values: values.abs().amax(1),
        "sum": lambda values: values.sum(1),
        "sum_abs": lambda values: values.abs().sum(1),
        "sum_square": lambda values: (values**2).sum(1),
    }
    specs = {
        how: f"integrated_gradients(steps=4, baseline='mean', channels={how!r})" for how in reduced
    }
    parts = {how: methods.parse(spec) for how, spec in specs.items()}
    found = explain(parts, model, images[:1], [1]).maps
    model.eval()
    total = torch.zeros_like(images[:1])
    for step in range(4):
        point = ((step + 0.5) / 4 * images[:1]).requires_grad_()
        total += torch.autograd.grad(model(point)[0, 1], point)[0] / 4
    expected = images[:1] * total
    for how, reduce in reduced.items():
        torch.testing.assert_close(found[how].values[:, 0], reduce(expected), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("rule", CAPTUM)
def test_captum_agrees(classifier: Model, images: Tensor, rule: str) -> None:
    attr = pytest.importorskip("captum.attr")
    model, images = classifier.eval().double(), images.double()
    method = {"ig": methods.parse(f"integrated_gradients(steps=4, baseline='mean', rule='{rule}')")}
    found = explain(method, model, images, [1]).maps["ig"].values[:, 0]
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # of captum's points
    try:
        expected = attr.IntegratedGradients(model).attribute(
            images, target=1, n_steps=4, method=CAPTUM[rule]
        )
    finally:
        torch.set_default_dtype(default)
    scale = 4 / 3 if rule == "trapezoid" else 1  # its weights add up to (m - 1) / m
    expected = scale * expected.detach().sum(dim=1)
    # It rounds weights to float32, in which a quarter is exact, but Legendre's weights are not.
    limit = 1e-7 if rule == "gauss_legendre" else 1e-8
    assert float((found - expected).norm() / expected.norm()) < limit


def slope(model: Model, points: Tensor, target: int, baseline: str) -> np.ndarray:
    """Gradients by autograd; on paths that start at a kink, ours.

    Over a constant image all values under a max-pooling window are equal, and their rounding
    decides which one gets the gradient: there only the same operations give the same.
    """
    if baseline != "mean":  # at which all is 0, without rounding
        with held_still(model):
            return ForwardPass(model, points).input_gradients([target])[:, 0].numpy()
    points = points.requires_grad_()
    return torch.autograd.grad(model(points)[:, target].sum(), points)[0].numpy()


@pytest.mark.parametrize("baseline", ["mean", "extremes"])
def test_pair_agrees(classifier: Model, images: Tensor, monkeypatch, baseline: str) -> None:
    pair = pytest.importorskip("saliency.core.integrated_gradients")
    # It adds up in float32, whatever the network; here it may add up in float64.
    monkeypatch.setattr(pair, "np", SimpleNamespace(**(vars(np) | {"float32": np.float64})))
    model, images = classifier.eval().double(), images[:1].double()

    def gradients(batch, call_model_args=None, expected_keys=None):
        return {pair.INPUT_OUTPUT_GRADIENTS: slope(model, torch.from_numpy(batch), 1, baseline)}

    spec = f"integrated_gradients(steps=6, baseline='{baseline}', rule='pair')"
    found = explain(methods.parts([spec]), model, images, [1]).maps[spec].values[0, 0].numpy()
    image = images[0].numpy()
    expected = np.mean(
        [
            pair.IntegratedGradients().GetMask(
                image,
                gradients,
                x_baseline=start.expand(3, *image.shape[1:]).double().numpy(),
                x_steps=6,
                batch_size=6,
            )
            for start in starts(baseline, images[0], model.preprocessing)
        ],
        axis=0,
    ).sum(axis=0)
    assert np.linalg.norm(found - expected) / np.linalg.norm(expected) < 1e-8


def test_a_path_that_is_too_coarse_is_marked(model: Model, images: Tensor) -> None:
    spec = "integrated_gradients(steps=1, tolerance=1e-09)"
    found = explain(methods.parts([spec]), model, images, [0])
    assert set(found.validity[spec]) == {(Validity.INCOMPLETE,)}


@pytest.mark.parametrize("at_once", [1, 2])
def test_small_pieces_of_the_path_add_up(
    model: Model, images: Tensor, monkeypatch, at_once: int
) -> None:
    model, images = model.double(), images.double()
    spec = "integrated_gradients(steps=5)"
    whole = explain(methods.parts([spec]), model, images, [0]).maps[spec].values
    monkeypatch.setattr(ForwardPass, "at_once", lambda *_, differentiated: at_once)
    pieces = explain(methods.parts([spec]), model, images, [0]).maps[spec].values
    torch.testing.assert_close(whole, pieces, rtol=1e-7, atol=1e-9 * float(whole.abs().max()))


@pytest.mark.parametrize(
    "options", ["steps=0", "steps=1, rule='pair'", "steps=1, rule='trapezoid'"]
)
def test_too_few_steps_are_refused(options: str) -> None:
    with pytest.raises(SpecError, match=r"steps=\d; integrated gradients .* at least"):
        methods.parse(f"integrated_gradients({options})")
