"""LRP equals the textbook on a small network, and adds up on all."""

from collections.abc import Callable

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heatproof.data.geometry import Squash
from heatproof.models import Model
from heatproof.models.adapter import Adapted
from heatproof.models.preprocessing import Preprocessing
from heatproof.models.still import held_still
from heatproof.saliency import Maps, explain, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.relevance import relevance_rules
from heatproof.saliency.relevance.epsilon import Epsilon
from heatproof.types import Validity
from tests.saliency.conftest import FINDINGS, make, shaken

SIDE = 8
NETWORKS = {
    **{f"resnet{depth}": ("layer4", 64) for depth in (18, 34, 50, 101, 152)},
    **{f"densenet{depth}": ("features", 64) for depth in (121, 169)},
    "vgg19": ("features", 64),
    "vgg19_bn": ("features", 64),
    "inception_v3": ("Mixed_7c", 96),
    "inception_v4": ("features", 96),
    "efficientnet_b0": ("conv_head", 64),
    "convnext_tiny": ("stages", 64),
}
CONSERVING = "lrp(dense=z_plus)"
KEEPING = [
    "lrp",
    "lrp(convolution=epsilon)",
    "lrp(convolution=gamma)",
    "lrp(convolution=alpha_beta)",
    "lrp(convolution=epsilon, dense=gamma, first=flat)",
]


def biased(network: nn.Module) -> nn.Module:
    """Shaken, and with biases in all layers that can have one."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            module.bias.data.uniform_(-0.1, 0.1, generator=generator)
    return shaken(network)


def lrp(spec: str, model: Model, images: Tensor, targets: tuple[int, ...] = (0, 2)) -> Maps:
    method = methods.parse(spec)
    return explain({"lrp": method}, model, images, targets).maps["lrp"]


# The textbook: each layer as a full matrix of contributions c[o, i] = w[o, i] * x[i].


class Small(nn.Module):
    """Convolution, batch norm, ReLU, maximum, sum, average, matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(4)
        self.last = nn.Linear(4 * 4, len(FINDINGS))

    def forward(self, images: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.norm1(self.first(images))), 2)
        y = self.norm2(self.second(x))
        y += x
        return self.last(F.avg_pool2d(F.relu(y, inplace=True), 2).flatten(1))


def small() -> Adapted:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = biased(Small())
    return Adapted(network, "norm2", FINDINGS, Preprocessing(Squash(SIDE, SIDE))).double()


def textbook(model: Adapted, image: np.ndarray, target: int, rules: dict[str, Callable]) -> dict:
    """The map of one image, and what was absorbed, by loops."""
    net = model.network
    absorbed: dict[str, float] = {}

    def affine(conv: nn.Conv2d, norm: nn.BatchNorm2d, side: int):
        """Folded, as a matrix from all cells to all cells."""
        scale = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach().numpy()
        shift = (norm.bias - norm.running_mean * torch.from_numpy(scale)).detach().numpy()
        kernel = conv.weight.detach().numpy()
        bias = np.zeros(4) if conv.bias is None else conv.bias.detach().numpy()
        matrix = np.zeros((4, side, side, kernel.shape[1], side, side))
        for y in range(side):
            for x in range(side):
                for i in range(max(0, y - 1), min(side, y + 2)):
                    for j in range(max(0, x - 1), min(side, x + 2)):
                        at = kernel[:, :, i - y + 1, j - x + 1]
                        matrix[:, y, x, :, i, j] = at * scale[:, None]
        size = 4 * side * side
        return matrix.reshape(size, -1), np.repeat(bias * scale + shift, side * side)

    def divide(rule: str, relevance, matrix, bias, x):
        shares, kept = rules[rule](matrix, bias, x)
        for name, share in kept.items():
            absorbed[name] = absorbed.get(name, 0) + float(share @ relevance)
        return shares.T @ relevance

    first, second = affine(net.first, net.norm1, 8), affine(net.second, net.norm2, 4)
    last = net.last.weight.detach().numpy(), net.last.bias.detach().numpy()
    pixels = image.ravel()
    a = np.maximum(first[0] @ pixels + first[1], 0).reshape(4, 8, 8)
    b = np.zeros((4, 4, 4))
    for c, y, x in np.ndindex(4, 4, 4):
        b[c, y, x] = a[c, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].max()
    branch = (second[0] @ b.ravel() + second[1]).reshape(4, 4, 4)
    e = np.maximum(branch + b, 0)
    pooled = e.reshape(4, 2, 2, 2, 2).mean(axis=(2, 4))
    logit = float((last[0] @ pooled.ravel() + last[1])[target])

    start = np.zeros(len(FINDINGS))
    start[target] = logit
    r_pooled = divide("dense", start, *last, pooled.ravel()).reshape(4, 2, 2)
    r_branch, r_b, r_a = np.zeros((4, 4, 4)), np.zeros((4, 4, 4)), np.zeros((4, 8, 8))
    for c, y, x in np.ndindex(4, 4, 4):
        block = e[c, y // 2 * 2 : y // 2 * 2 + 2, x // 2 * 2 : x // 2 * 2 + 2]
        share = e[c, y, x] / block.sum() if block.sum() else 1 / 4
        relevance = share * r_pooled[c, y // 2, x // 2]
        one, other = abs(branch[c, y, x]), abs(b[c, y, x])
        r_branch[c, y, x] = relevance * one / (one + other)
        r_b[c, y, x] = relevance * other / (one + other)
    r_b += divide("convolution", r_branch.ravel(), *second, b.ravel()).reshape(4, 4, 4)
    for c, y, x in np.ndindex(4, 4, 4):
        block = a[c, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2]
        i, j = divmod(int(block.argmax()), 2)
        r_a[c, 2 * y + i, 2 * x + j] += r_b[c, y, x]
    r_image = divide("first", r_a.ravel(), *first, pixels).reshape(3, 8, 8)
    return {"map": r_image.sum(axis=0), "output": logit, "input": r_image.sum(), **absorbed}


def over(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Row by row, and 0 where there is nothing to divide by."""
    safe = np.where(denominator == 0, 1, denominator)
    return (
        np.where(denominator == 0, 0, 1 / safe)[(..., *[None] * (numerator.ndim - 1))] * numerator
    )


def z_plus(w, b, x):
    c = np.maximum(w * x, 0)
    field = (w != 0).astype(float)
    even = over(field, field.sum(1))
    return np.where(c.sum(1)[:, None] == 0, even, over(c, c.sum(1))), {}


def epsilon(size: float) -> Callable:
    def rule(w, b, x):
        z = w @ x + b
        damping = size * np.where(z < 0, -1, 1)
        return over(w * x, z + damping), {
            "biases": over(b, z + damping),
            "epsilon": over(damping, z + damping),
            "undivided": (z + damping == 0) * 1.0,
        }

    return rule


def gamma(size: float) -> Callable:
    def rule(w, b, x):
        y, c = w @ x + b, w * x
        up, up_b = c + size * np.maximum(c, 0), b + size * np.maximum(b, 0)
        down, down_b = c + size * np.minimum(c, 0), b + size * np.minimum(b, 0)
        c = np.where(y[:, None] > 0, up, down)
        b = np.where(y > 0, up_b, down_b)
        return over(c, c.sum(1) + b), {"biases": over(b, c.sum(1) + b)}

    return rule


def alpha_beta(alpha: float, beta: float) -> Callable:
    def rule(w, b, x):
        p, n = np.maximum(w * x, 0), np.minimum(w * x, 0)
        bp, bn = np.maximum(b, 0), np.minimum(b, 0)
        zp, zn = p.sum(1) + bp, n.sum(1) + bn
        kept = {
            "biases": alpha * over(bp, zp) - beta * over(bn, zn),
            "undivided": alpha * (zp == 0) - beta * (zn == 0),
        }
        return alpha * over(p, zp) - beta * over(n, zn), kept

    return rule


def flat(w, b, x):
    field = (w != 0).astype(float)
    return over(field, field.sum(1)), {}


def z_box(low: float, high: float) -> Callable:
    def rule(w, b, x):
        c = w * x - low * np.maximum(w, 0) - high * np.minimum(w, 0)
        return over(c, c.sum(1)), {}

    return rule


RULES = {
    "z_plus": z_plus,
    "epsilon": epsilon(1e-6),
    "epsilon(epsilon=0.1)": epsilon(0.1),
    "epsilon(epsilon=0.0)": epsilon(0),
    "gamma": gamma(0.25),
    "gamma(gamma=2.0)": gamma(2),
    "alpha_beta": alpha_beta(2, 1),
    "alpha_beta(alpha=1.0, beta=0.0)": alpha_beta(1, 0),
    "flat": flat,
    "z_box(low=-5.0, high=5.0)": z_box(-5, 5),
}
COMPOSITES = [
    *((rule, rule, rule) for rule in RULES if not rule.startswith("z_box")),
    ("z_plus", "epsilon", "z_box(low=-5.0, high=5.0)"),
    ("alpha_beta", "epsilon(epsilon=0.1)", "flat"),
    ("gamma", "alpha_beta", "z_plus"),
]


@pytest.mark.parametrize(("convolution", "dense", "first"), COMPOSITES)
def test_equals_the_textbook(convolution: str, dense: str, first: str) -> None:
    model = small()
    images = torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(5)).double()
    found = lrp(f"lrp(convolution={convolution}, dense={dense}, first={first})", model, images)
    rules = {"convolution": RULES[convolution], "dense": RULES[dense], "first": RULES[first]}
    for image, target in np.ndindex(2, 2):
        expected = textbook(model, images[image].numpy(), (0, 2)[target], rules)
        relevance = found.values[image, target].numpy()
        scale = np.abs(expected["map"]).max()
        np.testing.assert_allclose(relevance, expected.pop("map"), rtol=1e-9, atol=1e-9 * scale)
        for name, part in expected.items():
            assert float(found.ledger[name][image, target]) == pytest.approx(
                part, rel=1e-8, abs=1e-9 * scale
            )


def test_every_rule_is_in_the_textbook() -> None:
    assert {name.split("(")[0] for name in RULES} == set(relevance_rules.names())


# Accounts.


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_z_plus_conserves_the_logit(model: Model, images: Tensor, dtype: torch.dtype) -> None:
    model, images = biased(model).to(dtype), images.to(dtype)
    conserved(model, images)


def conserved(model: Model, images: Tensor) -> None:
    found = lrp(CONSERVING, model, images)
    with torch.no_grad():
        logits = model.eval()(images)[:, [0, 2]]
    missing = (found.values.sum(dim=(2, 3)) - logits) / logits
    assert missing.abs().max() <= 1e-4
    assert set(found.ledger) == {"output", "input"}


@pytest.mark.parametrize("spec", KEEPING)
def test_ledgers_add_up(model: Model, images: Tensor, spec: str) -> None:
    accounted(spec, biased(model).double(), images.double())


def accounted(spec: str, model: Model, images: Tensor) -> None:
    found = lrp(spec, model, images)
    with torch.no_grad():
        logits = model.eval()(images)[:, [0, 2]]
    ledger = dict(found.ledger)
    torch.testing.assert_close(ledger.pop("output"), logits, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(ledger["input"], found.values.sum(dim=(2, 3)))
    parts = torch.stack(list(ledger.values()))
    missing = (logits - parts.sum(dim=0)) / logits.abs()
    assert missing.abs().max() <= 1e-9
    torch.testing.assert_close(found.residual.abs(), missing.abs(), rtol=0, atol=1e-9)
    if spec != "lrp":  # where it is without dense layers, nothing can be absorbed
        assert ledger["biases"].abs().min() > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_z_plus_conserves_on_every_network(name: str) -> None:
    model, images = large(name)
    conserved(model, images)
    conserved(model.float(), images.float())


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("spec", KEEPING)
def test_ledgers_add_up_on_every_network(spec: str, name: str) -> None:
    accounted(spec, *large(name))


def large(name: str) -> tuple[Adapted, Tensor]:
    layer, side = NETWORKS[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = biased(timm.create_model(name, num_classes=len(FINDINGS)))
    model = Adapted(network, layer, FINDINGS, Preprocessing(Squash(side, side)))
    generator = torch.Generator().manual_seed(1)
    return model.double(), torch.randn(1, 3, side, side, generator=generator).double()


def test_a_ledger_that_does_not_add_up_makes_the_map_incomplete(monkeypatch) -> None:
    rule = Epsilon.__call__

    def forgetful(self: Epsilon, layer):
        division = rule(self, layer)
        division.absorbed.pop("biases")
        return division

    monkeypatch.setattr(Epsilon, "__call__", forgetful)
    images = torch.randn(1, 3, SIDE, SIDE).double()
    found = explain(methods.parts(["lrp"]), small(), images, [0])
    assert found.validity["lrp"] == ((Validity.INCOMPLETE,),)


def test_a_logit_of_zero_or_below_zero_is_explained_too() -> None:
    model, images = small(), torch.randn(2, 3, SIDE, SIDE).double()
    with torch.no_grad():
        model.network.last.bias -= 50
    found = lrp(CONSERVING, model, images)
    assert (found.values.sum(dim=(2, 3)) < -1).all()
    assert found.residual.abs().max() < 1e-9


def test_what_does_not_fit_at_once_is_explained_in_parts(images: Tensor) -> None:
    model, spec = make("resnet10t + linear"), "lrp(dense=gamma)"
    with held_still(model):
        whole = methods.parse(spec)(ForwardPass(model, images), [2, 0])
        parts = methods.parse(spec)(ForwardPass(model, images, memory=1), [2, 0])
    scale = float(whole.values.abs().max())
    torch.testing.assert_close(parts.values, whole.values, rtol=1e-4, atol=1e-5 * scale)
    for name, part in whole.ledger.items():
        torch.testing.assert_close(parts.ledger[name], part, rtol=1e-4, atol=1e-5)


def test_specs_name_rules_by_kind_of_layer() -> None:
    spec = "lrp(convolution=gamma(gamma=0.5), first=z_box(low=-2.0, high=3.0))"
    assert methods.spec(methods.parse(spec)) == spec
    assert methods.spec(methods.parse("lrp(convolution=z_plus, dense=epsilon)")) == "lrp"


# Other libraries.


def plain(bias: bool) -> nn.Sequential:
    """What all of them can do."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        network = nn.Sequential(
            *(nn.Conv2d(3, 6, 3, padding=1, bias=bias), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(6, 8, 3, stride=2, bias=bias), nn.ReLU(), nn.AvgPool2d(2)),
            *(nn.Flatten(), nn.Linear(32, 10), nn.ReLU(), nn.Linear(10, len(FINDINGS))),
        )
        return biased(network).double().eval()


def on_plain(network: nn.Module, spec: str, least: float = -5) -> tuple[Tensor, Tensor]:
    images = torch.randn(2, 3, 20, 20, generator=torch.Generator().manual_seed(1)).double()
    images.clamp_(min=least)
    model = Adapted(network, "3", FINDINGS, Preprocessing(Squash(20, 20)))
    return images, lrp(spec, model, images, (1,)).values[:, 0]


def agree(found: Tensor, expected: Tensor) -> None:
    expected = expected.detach()
    assert (found - expected).abs().max() <= 1e-8 * expected.abs().max()


@pytest.mark.parametrize(
    ("spec", "rule", "bias"),
    [
        ("z_plus", "ZPlus(stabilizer=S)", False),
        ("z_plus", "ZPlus(stabilizer=S, zero_params='bias')", True),
        ("epsilon(epsilon=0.01)", "Epsilon(epsilon=0.01)", True),
        ("gamma", "Gamma(gamma=0.25, stabilizer=S)", True),
        ("alpha_beta", "AlphaBeta(alpha=2, beta=1, stabilizer=S)", True),
        ("flat", "Flat(stabilizer=S)", True),
    ],
)
def test_zennit_agrees_on_a_plain_network(spec: str, rule: str, bias: bool) -> None:
    zennit = pytest.importorskip("zennit.rules")
    composites = pytest.importorskip("zennit.composites")
    attribution = pytest.importorskip("zennit.attribution")
    network = plain(bias)
    images, found = on_plain(network, f"lrp(convolution={spec}, dense=epsilon(epsilon=0.01))")
    small = 1e-30  # as good as none
    name, options = rule[:-1].split("(")
    values = {"S": small, "'bias'": "bias"}
    parsed = dict(option.split("=") for option in options.split(", "))
    options = {key: values[v] if v in values else float(v) for key, v in parsed.items()}
    composite = composites.LayerMapComposite(
        [
            *composites.layer_map_base(small),
            (nn.Conv2d, getattr(zennit, name)(**options)),
            (nn.Linear, zennit.Epsilon(epsilon=0.01)),
        ]
    )
    one = torch.eye(len(FINDINGS)).double()[[1, 1]]
    with attribution.Gradient(network, composite) as attributor:
        _, relevance = attributor(images, lambda output: output * one)
    agree(found, relevance.sum(dim=1))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("convolution", ["epsilon(epsilon=0.01)", "gamma"])
def test_captum_agrees_on_a_plain_network(convolution: str) -> None:
    attr = pytest.importorskip("captum.attr")
    rules = pytest.importorskip("captum.attr._utils.lrp_rules")
    network = plain(bias=convolution != "gamma")  # it leaves gamma out of the bias
    # It knows gamma for inputs >= 0 only.
    spec = f"lrp(convolution={convolution}, dense=epsilon(epsilon=0.01))"
    images, found = on_plain(network, spec, least=0)
    for module in network:
        if isinstance(module, nn.Linear) or (
            isinstance(module, nn.Conv2d) and "eps" in convolution
        ):
            module.rule = rules.EpsilonRule(epsilon=0.01)
        elif isinstance(module, nn.Conv2d):
            module.rule = rules.GammaRule(gamma=0.25)
        elif isinstance(module, nn.MaxPool2d | nn.AvgPool2d | nn.Flatten):
            module.rule = rules.EpsilonRule(epsilon=1e-30)
    agree(found, attr.LRP(network).attribute(images, target=1).sum(dim=1))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["resnet50", "densenet121"])
def test_adds_up_where_captum_does_not(name: str) -> None:
    """The epsilon rule in all layers, in float64; captum's map should sum to the logit less what
    biases absorb, of which it says nothing: so a bias-free copy of the network is asked."""
    attr = pytest.importorskip("captum.attr")
    rules = pytest.importorskip("captum.attr._utils.lrp_rules")
    model, images = large(name)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.bias.data.zero_()
            module.running_mean.zero_()
        elif isinstance(module, nn.Linear):
            module.bias.data.zero_()
    found = lrp("lrp(convolution=epsilon, dense=epsilon)", model, images, (1,))
    logit = found.ledger["output"][0, 0]
    kept = found.ledger["epsilon"] + found.ledger["undivided"]
    assert found.ledger["biases"].abs().max() == 0
    assert (found.values.sum() + kept.sum() - logit).abs() <= 1e-9 * logit.abs()
    network = model.network.eval()
    for module in network.modules():
        if not list(module.children()):
            module.rule = rules.EpsilonRule(1e-6)
    theirs = attr.LRP(network).attribute(images, target=1).sum()
    assert (theirs.detach() - logit).abs() > 0.1 * logit.abs()
