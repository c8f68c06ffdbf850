"""DeepLIFT by hand, its completeness on real architectures, and where captum agrees."""

import warnings

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heatproof.data.geometry import Squash
from heatproof.errors import MapError, ModelError
from heatproof.models.adapter import Adapted
from heatproof.models.preprocessing import Preprocessing
from heatproof.saliency import explain, methods
from heatproof.saliency.methods.deep_lift import Rescale, _multiplier_of_highest
from tests.saliency.conftest import FINDINGS, PREPROCESSING, make, parameters, shaken
from tests.saliency.methods.test_deconvnet import backwards_by_hand, two_layers


def adapted(network: nn.Module, layer: str = "0") -> Adapted:
    return Adapted(network.double(), layer, FINDINGS, PREPROCESSING)


def seeded(*layers: nn.Module) -> nn.Sequential:
    """Random but for the seed, of layers that know their input."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for layer in layers:
            for module in layer.modules():
                if hasattr(module, "reset_parameters"):
                    module.reset_parameters()
    return nn.Sequential(*layers).eval()


def tail(channels: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, len(FINDINGS))]


@pytest.mark.parametrize("baseline", ["mean", "black"])
def test_by_hand_on_two_layers(images: Tensor, baseline: str) -> None:
    network, images = two_layers(), images.double()
    start = torch.zeros_like(images)
    if baseline == "black":
        start += PREPROCESSING.black.double()
    there: list[np.ndarray] = []  # what each ReLU gets for the baseline, in the order of the loops
    backwards_by_hand(network, start, 2, lambda gradient, before: there.append(before) or gradient)
    order = iter(there)

    def rescale(gradient: np.ndarray, before: np.ndarray) -> np.ndarray:
        start = next(order)
        return gradient * (np.maximum(before, 0) - np.maximum(start, 0)) / (before - start)

    expected = (images - start).numpy() * backwards_by_hand(network, images, 2, rescale)
    spec = f"deep_lift(baseline='{baseline}')"
    found = explain({"map": methods.parse(spec)}, adapted(network, "first"), images, [2])
    values = found.maps["map"].values[:, 0].numpy()
    np.testing.assert_allclose(values, expected.sum(axis=1), rtol=1e-9, atol=1e-13)


def lively(name: str) -> nn.Module:
    """A network of timm whose logits depend much on the image, although it has learnt nothing."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = shaken(timm.create_model(name, num_classes=len(FINDINGS)))
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.uniform_(module.bias, -0.1, 0.1, generator)
    return network.eval().double()


ARCHITECTURES = {
    "resnet10t": ("layer4", 48),
    "resnet50": ("layer4", 48),
    "densenet121": ("features", 48),
    "vgg11": ("features", 64),
    "vgg19_bn": ("features", 64),
    "inception_v3": ("Mixed_7c", 96),
    "inception_v4": ("features", 96),
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n == "resnet10t" else pytest.mark.slow) for n in ARCHITECTURES],
)
def test_maps_are_complete(name: str) -> None:
    """The sum of a map is the rise of the logit, as differences of logits alone give it."""
    layer, side = ARCHITECTURES[name]
    network = lively(name)
    model = Adapted(network, layer, FINDINGS, Preprocessing(Squash(side, side)))
    images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1)).double()
    specs = ["deep_lift", "deep_lift(baseline='black')"]
    found = explain(methods.parts(specs), model, images, [0, 2])
    black = torch.zeros_like(images) + model.preprocessing.black.double()
    for spec, start in zip(specs, (torch.zeros_like(images), black), strict=True):
        with torch.no_grad():
            rise = (network(images) - network(start))[:, [0, 2]]
        total = found.maps[spec].values.sum(dim=(2, 3))
        assert ((total - rise).abs() <= 1e-10 * rise.abs()).all()
        assert found.maps[spec].residual.abs().max() <= 1e-10


@pytest.mark.parametrize("name", parameters(["resnet10t + linear", "resnet10t + wildcat"]))
def test_single_precision_is_complete_enough(name: str, images: Tensor) -> None:
    found = explain(methods.parts(["deep_lift"]), make(name), images, [0, 1, 2])
    assert found.maps["deep_lift"].residual.abs().max() < 1e-3


class Reused(nn.Module):
    """One ReLU module for all, as old ResNets have it; in place, and as a function of a tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 6, 5, stride=3), nn.Conv2d(6, 6, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.last = nn.Linear(6, len(FINDINGS))

    def forward(self, images: Tensor) -> Tensor:
        first = self.act(self.first(images))
        second = self.act(self.second(first) + first)
        F.elu_(second)
        return self.last(F.max_pool2d(second, 3, 2, 1, ceil_mode=True).sigmoid().amax((2, 3)))


def test_modules_may_be_used_again_and_work_in_place(images: Tensor) -> None:
    model = adapted(seeded(Reused()), "0.first")
    found = explain(methods.parts(["deep_lift"]), model, images.double(), [0, 1, 2])
    assert found.maps["deep_lift"].residual.abs().max() < 1e-10


@pytest.mark.parametrize(
    "activation",
    [nn.SiLU(), nn.GELU(), nn.LeakyReLU(0.1, True), nn.Hardtanh(inplace=True), nn.PReLU()],
)
def test_any_elementwise_activation_is_complete(activation: nn.Module, images: Tensor) -> None:
    model = adapted(seeded(nn.Conv2d(3, 4, 5), activation, nn.Conv2d(4, 4, 5), nn.Tanh(), *tail(4)))
    found = explain(methods.parts(["deep_lift"]), model, images.double(), [0, 1])
    assert found.maps["deep_lift"].residual.abs().max() < 1e-10


def multipliers(network: nn.Module, images: Tensor, start: Tensor, target: int) -> Tensor:
    """From one image and one baseline at a time."""
    found = []
    for pair in zip(images, start, strict=True):
        both, rule = torch.stack(pair).requires_grad_(), Rescale(2)
        with rule.forward(network):
            logits = network(both)
        with rule.backward():
            found.append(torch.autograd.grad(logits[:, target].sum(), both)[0][0])
    return torch.stack(found)


CAPTUM_IS_RIGHT = {
    "activations": [nn.Conv2d(3, 4, 5), nn.ReLU(), nn.Conv2d(4, 4, 5), nn.ELU(), *tail(4)],
    "pooling": [nn.Conv2d(3, 4, 5), nn.MaxPool2d(2), nn.Conv2d(4, 4, 5), nn.ReLU(), *tail(4)],
    "smooth": [nn.Conv2d(3, 4, 5), nn.Sigmoid(), nn.Conv2d(4, 4, 5), nn.Softplus(), *tail(4)],
}


@pytest.mark.parametrize("name", CAPTUM_IS_RIGHT)
def test_captum_agrees_where_it_is_complete(name: str, images: Tensor) -> None:
    attr = pytest.importorskip("captum.attr")
    network, images = seeded(*CAPTUM_IS_RIGHT[name]).double(), images.double()
    start = images.flip(0).roll(7, dims=2)  # nothing that is constant, where maxima would tie
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = attr.DeepLift(network).attribute(images, start, target=1)
    found = (images - start) * multipliers(network, images, start, 1)
    for ours, theirs in zip(found, expected.detach(), strict=True):
        assert (ours - theirs).norm() <= 1e-8 * theirs.norm()


@pytest.mark.parametrize("name", parameters(["resnet10t", "resnet18"]))
def test_captum_agrees_on_networks_without_max_pooling(name: str, images: Tensor) -> None:
    attr = pytest.importorskip("captum.attr")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = shaken(timm.create_model(name, num_classes=3)).eval()
    network.maxpool = nn.AvgPool2d(3, 2, 1)
    model, images = adapted(network, "layer4"), images.double()
    spec = "deep_lift(baseline='black')"
    ours = explain(methods.parts([spec]), model, images, [1]).maps[spec].values[:, 0]
    black = torch.zeros_like(images) + PREPROCESSING.black.double()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = attr.DeepLift(network).attribute(images, black, target=1).sum(dim=1).detach()
    assert (ours - theirs).norm() <= 1e-8 * theirs.norm()


@pytest.mark.parametrize(
    "layers",
    [
        # Its unpooling overwrites a cell that is the maximum of two windows.
        [nn.Conv2d(3, 4, 5), nn.MaxPool2d(3, 2), *tail(4)],
        # Its hook on the ReLU's output runs before that on the pooling's input, the same tensor.
        [nn.Conv2d(3, 4, 5), nn.ReLU(), nn.MaxPool2d(2), *tail(4)],
    ],
)
def test_captum_is_incomplete_where_windows_overlap_or_follow_an_activation(
    layers: list[nn.Module], images: Tensor
) -> None:
    attr = pytest.importorskip("captum.attr")
    network, images = seeded(*layers).double(), images.double()
    start = images.flip(0).roll(7, dims=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = attr.DeepLift(network).attribute(images, start, target=1)
    ours = (images - start) * multipliers(network, images, start, 1)
    rise = (network(images) - network(start))[:, 1].detach()
    for maps, complete in ((ours, True), (theirs.detach(), False)):
        residual = ((maps.sum(dim=(1, 2, 3)) - rise) / rise).abs()
        assert (residual < 1e-10).all() == complete


def test_shares_of_the_highest_are_complete_and_no_larger_than_what_cells_gave() -> None:
    generator = torch.Generator().manual_seed(0)
    for k, cells in ((1, 5), (3, 8), (4, 4), (7, 9)):
        x, start = torch.randn(2, 200, cells, generator=generator).double().unbind()
        places = torch.cat([x.topk(k).indices, start[:1].topk(k).indices])
        multiplier = _multiplier_of_highest(x, start[:1], places)
        given = (multiplier * (x - start[:1])).sum(dim=1)
        rise = np.sort(x.numpy())[:, -k:].sum(1) - np.sort(start[0].numpy())[-k:].sum()
        np.testing.assert_allclose(given, rise, rtol=1e-12, atol=1e-12)
        assert multiplier.min() >= 0
        assert multiplier.max() <= 1 + 1e-12


def test_the_maximum_by_hand() -> None:
    """x rises from 2 to 5 at another cell, which had 1: a share of 3/4; then it falls."""
    start, x = torch.tensor([[2.0, 1.0, 0.0]]), torch.tensor([[1.5, 5.0, 0.0]])
    for here, there, expected in ((x, start, [0, 3 / 4, 0]), (start, x, [0, 3 / 4, 0])):
        places = torch.cat([here, there]).topk(1).indices
        assert _multiplier_of_highest(here, there, places).tolist() == [expected]


class Gate(nn.Module):
    def __init__(self, gate: str) -> None:
        super().__init__()
        self.convolution, self.last = nn.Conv2d(3, 4, 5), nn.Linear(4, len(FINDINGS))
        self.gate = gate

    def forward(self, images: Tensor) -> Tensor:
        x = self.convolution(images)
        match self.gate:
            case "mul":
                x = x * x.mean((2, 3), keepdim=True).sigmoid()
            case "div":
                x = x / x.abs().sum(dim=1, keepdim=True)
            case "softmax":
                x = x.softmax(dim=1)
            case "layer_norm":
                x = F.layer_norm(x, x.shape[1:])
            case "topk":
                x = x.flatten(2).topk(2).values @ torch.tensor([[3.0], [1.0]]).to(x)
                return self.last(x[..., 0])
        return self.last(x.mean(dim=(2, 3)))


@pytest.mark.parametrize("gate", ["mul", "div", "softmax", "layer_norm", "topk"])
def test_what_the_rule_does_not_cover_is_refused_by_name(gate: str, images: Tensor) -> None:
    model = adapted(seeded(Gate(gate)), "0.convolution")
    with pytest.raises((MapError, ModelError), match=f"DeepLIFT is not defined.*{gate}"):
        explain(methods.parts(["deep_lift"]), model, images.double(), [0])


def test_small_passes_change_nothing(images: Tensor, monkeypatch) -> None:
    model, images = make("resnet10t + wildcat").double(), images.double()
    whole = explain(methods.parts(["deep_lift"]), model, images, [0, 1]).maps["deep_lift"].values
    monkeypatch.setattr("heatproof.saliency.forward.ForwardPass.at_once", lambda *_, **__: 1)
    pieces = explain(methods.parts(["deep_lift"]), model, images, [0, 1]).maps["deep_lift"].values
    torch.testing.assert_close(whole, pieces, rtol=1e-8, atol=1e-12)
