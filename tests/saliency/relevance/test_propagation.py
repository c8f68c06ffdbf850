"""What happens between the layers: folding, gates, copies, and what is refused."""

import copy
from collections.abc import Callable

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval
from torch.utils.checkpoint import checkpoint

from heatproof.data.geometry import Squash
from heatproof.errors import MapError
from heatproof.models.adapter import Adapted
from heatproof.models.preprocessing import Preprocessing
from heatproof.saliency import Maps, explain, methods
from tests.saliency.conftest import FINDINGS, shaken

SIDE = 12
SPECS = ["lrp", "lrp(convolution=epsilon)", "lrp(convolution=gamma)", "lrp(dense=z_plus)"]


class Net(nn.Module):
    """Two convolutions with something between them."""

    def __init__(self, between: Callable[..., Tensor]) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.gate = nn.Conv2d(6, 6, 1)
        self.last = nn.Conv2d(6, 5, 3)
        self.classify = nn.Linear(5, len(FINDINGS))
        self.between = between
        for parameter in self.parameters():
            parameter.data.uniform_(-0.5, 0.5, generator=generator)
        shaken(self)

    def forward(self, images: Tensor) -> Tensor:
        x = self.between(self, self.first(images))
        return self.classify(F.relu(self.last(x)).mean(dim=(2, 3)))


def images() -> Tensor:
    return torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1)).double()


def adapted(network: nn.Module, layer: str = "last") -> Adapted:
    return Adapted(network, layer, FINDINGS, Preprocessing(Squash(SIDE, SIDE))).double()


def lrp(between: Callable[..., Tensor], spec: str = "lrp", layer: str = "last") -> Maps:
    method = methods.parse(spec)
    return explain({"lrp": method}, adapted(Net(between), layer), images(), [0, 2]).maps["lrp"]


def same(one: Maps, other: Maps) -> None:
    scale = float(other.values.abs().max())
    torch.testing.assert_close(one.values, other.values, rtol=1e-9, atol=1e-9 * scale)
    assert one.residual.abs().max() < 1e-9


@pytest.mark.parametrize("spec", SPECS)
def test_batch_norm_after_a_layer_is_part_of_it(spec: str) -> None:
    network = nn.Sequential(
        *(nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 3)),
        *(nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()),
        *(nn.Linear(16, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, len(FINDINGS))),
    )
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        parameter.data.uniform_(-0.5, 0.5, generator=generator)
    shaken(network).double().eval()
    network[9].running_mean.uniform_(-0.2, 0.2, generator=generator)
    fused = copy.deepcopy(network)
    for conv in (0, 3):
        fused[conv] = fuse_conv_bn_eval(fused[conv], fused[conv + 1])
        fused[conv + 1] = nn.Identity()
    fused[8], fused[9] = fuse_linear_bn_eval(fused[8], fused[9]), nn.Identity()
    found, expected = (
        explain(methods.parts([spec]), adapted(net, "6"), images(), [0, 1]).maps[spec]
        for net in (network, fused)
    )
    same(found, expected)
    for name, part in expected.ledger.items():
        torch.testing.assert_close(found.ledger[name], part, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("spec", SPECS)
def test_the_layer_that_is_read_does_not_matter(spec: str) -> None:
    between = lambda net, x: F.relu(net.norm(x))  # noqa: E731
    at_the_convolution, at_the_norm = (lrp(between, spec, layer) for layer in ("first", "norm"))
    same(at_the_convolution, at_the_norm)


@pytest.mark.parametrize("spec", SPECS)
def test_a_layer_that_also_goes_elsewhere_is_there_twice(spec: str) -> None:
    """Its output goes to batch norm and past it; and so do two outputs of two equal layers."""

    def shared(net: Net, x: Tensor) -> Tensor:
        return F.relu(net.norm(x)) + F.relu(x)

    def twice(net: Net, x: Tensor) -> Tensor:
        return F.relu(net.norm(net.first(net.images))) + F.relu(x)

    net = Net(twice)
    net.first.register_forward_pre_hook(lambda _, args: setattr(net, "images", args[0]))
    expected = explain(methods.parts([spec]), adapted(net), images(), [0, 2]).maps[spec]
    same(lrp(shared, spec), expected)


def test_a_convolution_changed_in_place_is_not_folded() -> None:
    def in_place(net: Net, x: Tensor) -> Tensor:
        x.relu_()
        return net.norm(x)

    same(lrp(in_place), lrp(lambda net, x: net.norm(F.relu(x))))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda _, x: F.relu(x, inplace=True), lambda _, x: torch.relu(x)),
        (lambda _, x: F.relu(x).add_(x), lambda _, x: x + torch.relu(x)),
        (lambda _, x: torch.add(x, x.relu(), alpha=2), lambda _, x: x + 2 * x.relu()),
        (lambda _, x: x - x.sigmoid(), lambda _, x: x + -x.sigmoid()),
        (lambda _, x: 2 * x / 2, lambda _, x: x),
        (lambda _, x: torch.cat(x.chunk(2, 1), 1), lambda _, x: x[:]),
        (lambda _, x: F.avg_pool2d(x, 2), lambda _, x: F.adaptive_avg_pool2d(x, SIDE // 2)),
        (lambda _, x: x * torch.sigmoid(x), lambda _, x: F.silu(x)),
        (lambda _, x: x.sigmoid().expand_as(x).mul(x), lambda _, x: F.silu(x)),
    ],
)
def test_the_same_by_other_operations(one, other) -> None:
    for spec in SPECS:
        same(lrp(one, spec), lrp(other, spec))


def test_gates_are_constants() -> None:
    """A gate that is computed from the image does what the same numbers do as a constant."""

    def values(net: Net, x: Tensor) -> Tensor:
        return net.gate(x.mean((2, 3), keepdim=True)).sigmoid()

    for spec in SPECS:
        gated = lrp(lambda net, x: x * values(net, x), spec)
        same(gated, lrp(lambda net, x: x * values(net, x.detach()), spec))


@pytest.mark.parametrize("spec", [*SPECS, "lrp(first=z_box(low=-5.0, high=5.0))"])
@pytest.mark.parametrize("layer", ["convolution", "pooling"])
def test_zeros_padded_around_an_input_get_nothing(spec: str, layer: str) -> None:
    """As in networks that came from Keras; a layer's own padding does the same."""

    class Padded(nn.Module):
        def __init__(self, explicit: bool) -> None:
            super().__init__()
            self.around = F.pad if explicit else lambda x, _: x
            own = 0 if explicit else 1
            pooled = layer == "pooling"
            self.pool = nn.AvgPool2d(3, padding=own) if pooled else nn.Identity()
            self.last = nn.Conv2d(3, len(FINDINGS), 3, padding=0 if pooled else own)
            generator = torch.Generator().manual_seed(0)
            for parameter in self.parameters():  # many outputs for which nothing speaks
                parameter.data.uniform_(-0.9, 0.1, generator=generator)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.pool(self.around(x, (1, 1, 1, 1)))).mean(dim=(2, 3))

    images_ = F.relu(images())
    found, expected = (
        explain(methods.parts([spec]), adapted(Padded(explicit)), images_, [0, 2]).maps[spec]
        for explicit in (True, False)
    )
    same(found, expected)


def test_a_sum_divides_by_magnitude_and_nothing_in_halves() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            x = self.features(x)
            return (x[:, 0] + x[:, 1]).sum(dim=(1, 2))[:, None]

    x = torch.zeros(1, 2, 2, 2).double()
    x[0, :, 0, 0] = torch.tensor([6.0, -2.0])
    preprocessing = Preprocessing(Squash(2, 2), channels=2, mean=(0.0,), std=(1.0,))
    model = Adapted(Sum(), "features", ["sum"], preprocessing)
    found = explain(methods.parts(["lrp"]), model, x, [0]).maps["lrp"]
    expected = torch.zeros(2, 2).double()
    expected[0, 0] = 4
    torch.testing.assert_close(found.values[0, 0], expected)


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return 2 * gradient


def assign(_: Net, x: Tensor) -> Tensor:
    y = x.clone()
    y[:, :2] = x[:, 2:4]
    return y


def dynamic(network: Net, x: Tensor) -> Tensor:
    """A convolution of each film by weights of its own."""
    gate = network.gate.weight
    return torch.cat([F.conv2d(film, gate * film.mean()) for film in x.split(1)])


@pytest.mark.parametrize(
    ("between", "message"),
    [
        (lambda _, x: x.softmax(1), "no rule for softmax"),
        (lambda _, x: x @ x.mT, "no rule for matmul"),
        (lambda _, x: x**2, "no rule for __pow__|no rule for pow"),
        (lambda _, x: x.exp(), "no rule for exp"),
        (lambda _, x: 1 / x, "no rule for"),
        (lambda _, x: x / (x + 1), "no rule for"),
        (lambda _, x: x * x, "neither is a gate"),
        (assign, "no rule for __setitem__"),
        (lambda _, x: Doubled.apply(x), "hides operations"),
        pytest.param(
            lambda _, x: checkpoint(F.relu, x, use_reentrant=True),
            "hides operations",
            # Of torch, in every pass without gradients.
            marks=pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad"),
        ),
        (dynamic, "weights from the image"),
        (lambda n, x: (n.gate(x), x)[1], "branches that do not lead to the logit"),
    ],
)
def test_what_is_unknown_is_refused(between: Callable[..., Tensor], message: str) -> None:
    with pytest.raises(MapError, match=f"LRP is not defined for this network: .*({message})"):
        lrp(between)


@pytest.mark.parametrize(
    "block",
    [
        lambda n, x: n.gate(x).relu(),
        lambda n, x: n.norm(n.gate(x)),
        lambda n, x: n.gate(n.gate(x).relu()).relu(),
        lambda n, x: F.max_pool2d(n.gate(x), 2),
        lambda n, x: x + n.gate(x).relu(),
        lambda n, x: n.norm(F.relu(n.gate(F.avg_pool2d(x, 2)))),
    ],
)
def test_checkpointing_changes_nothing_or_is_refused(block: Callable[..., Tensor]) -> None:
    """The part is run again in the backward pass, where nothing replaces its operations."""
    try:
        found = lrp(lambda n, x: checkpoint(block, n, n.norm(x), use_reentrant=False))
    except MapError as error:
        assert "gradient checkpointing" in str(error)  # noqa: PT017
    else:
        same(found, lrp(lambda n, x: block(n, n.norm(x))))


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"])
def test_attention_is_refused(name: str) -> None:
    network = (
        timm.create_model(name, num_classes=1, img_size=64, depths=(2, 2))
        if ("swin" in name)
        else timm.create_model(name, num_classes=1, img_size=32, depth=2)
    )
    side = 64 if "swin" in name else 32
    model = Adapted(network, "patch_embed.proj", ["a"], Preprocessing(Squash(side, side)))
    with pytest.raises(
        MapError, match=r"no rule for (scaled_dot_product_attention|softmax|matmul)"
    ):
        explain(methods.parts(["lrp"]), model, torch.randn(1, 3, side, side), [0])


def test_several_targets_need_one_forward_pass_and_give_the_same_as_one(monkeypatch) -> None:
    model, calls = adapted(Net(lambda net, x: F.relu(net.norm(x)))), []
    together = explain(methods.parts(["lrp"]), model, images(), [2, 0, 1]).maps["lrp"]
    alone = [explain(methods.parts(["lrp"]), model, images(), [k]).maps["lrp"] for k in (2, 0, 1)]
    torch.testing.assert_close(together.values, torch.cat([m.values for m in alone], dim=1))
    for name, part in together.ledger.items():
        torch.testing.assert_close(part, torch.cat([m.ledger[name] for m in alone], dim=1))
    run = model.network.forward
    monkeypatch.setattr(model.network, "forward", lambda x: calls.append(1) or run(x))
    explain(methods.parts(["lrp"]), model, images(), [2, 0, 1])
    several, _ = len(calls), calls.clear()
    explain(methods.parts(["lrp"]), model, images(), [2])
    assert several == len(calls)
