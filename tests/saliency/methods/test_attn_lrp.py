"""AttnLRP equals loops over a small transformer, and lxt; it adds up on large ones."""

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heatproof.data.geometry import Squash
from heatproof.errors import MapError, SpecError
from heatproof.models.adapter import Adapted
from heatproof.models.classifier import build
from heatproof.models.preprocessing import Preprocessing
from heatproof.saliency import Maps, explain, methods
from tests.saliency.conftest import FINDINGS
from tests.saliency.methods.test_attention_rollout import attending, sdpa

SIDE, PATCH, WIDTH = 4, 2, 6  # 2 x 2 patches
TOKENS = 5
EPSILON = 0.05  # large, so that its part is seen


class Small(nn.Module):
    """One block, one head of attention: a class token, places, norms, an activation."""

    def __init__(self, *, fused: bool = True) -> None:
        super().__init__()
        self.fused = fused
        self.embed = nn.Conv2d(3, WIDTH, PATCH, stride=PATCH)
        self.token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.places = nn.Parameter(torch.zeros(1, TOKENS, WIDTH))
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.projection = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.wide, self.narrow = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)
        self.head = nn.Linear(WIDTH, len(FINDINGS))
        generator = torch.Generator().manual_seed(5)
        for parameter in self.parameters():
            parameter.data.uniform_(-0.8, 0.8, generator=generator)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.embed(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(images), -1, -1), patches], dim=1) + self.places
        q, k, v = self.qkv(self.norm1(x)).chunk(3, dim=-1)
        if self.fused:
            attended = F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0]
        else:
            attended = (q * WIDTH**-0.5 @ k.transpose(-2, -1)).softmax(dim=-1) @ v
        x = x + self.projection(attended)
        x = x + self.narrow(F.gelu(self.wide(self.norm2(x))))
        return self.head(x[:, 1:].mean(dim=1))


def model(*, fused: bool = True) -> Adapted:
    network = Small(fused=fused)
    return Adapted(network, "embed", FINDINGS, Preprocessing(Squash(SIDE, SIDE))).double()


def images(side: int = SIDE, count: int = 2) -> Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1)).double()


def maps(network, films: Tensor, spec: str = "attn_lrp", targets=(0, 2)) -> Maps:
    return explain({"": methods.parse(spec)}, network, films, list(targets)).maps[""]


def attn_lrp(rule: str, epsilon: float) -> str:
    return f"attn_lrp(convolution={rule}, linear={rule}, epsilon={epsilon})"


# By loops: every operation as a list of terms of each of its outputs.


class Ledger(dict):
    """What was kept, by name."""

    def keep(self, name: str, amount: float) -> None:
        self[name] = self.get(name, 0.0) + amount


def sign(value: float) -> float:
    return -1.0 if value < 0 else 1.0


def affine(ledger: Ledger, relevance, x, weight, bias, epsilon: float) -> np.ndarray:
    """The epsilon rule, output by output and input by input."""
    given = np.zeros_like(x)
    for o in range(len(weight)):
        z = sum(weight[o, i] * x[i] for i in range(len(x))) + bias[o]
        z += epsilon * sign(z)
        for i in range(len(x)):
            given[i] += weight[o, i] * x[i] / z * relevance[o]
        ledger.keep("biases", bias[o] / z * relevance[o])
        ledger.keep("epsilon", epsilon * sign(z) / z * relevance[o])
    return given


def added(ledger: Ledger, relevance, a, b, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.zeros_like(a), np.zeros_like(b)
    for at in np.ndindex(a.shape):
        z = a[at] + b[at]
        damped = z + epsilon * sign(z)
        first[at] = a[at] / damped * relevance[at]
        second[at] = b[at] / damped * relevance[at]
        ledger.keep("epsilon", epsilon * sign(z) / damped * relevance[at])
    return first, second


def matrices(ledger: Ledger, relevance, a, b, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.zeros_like(a), np.zeros_like(b)
    for i, p in np.ndindex(relevance.shape):
        z = 2 * sum(a[i, j] * b[j, p] for j in range(len(b)))
        damped = z + epsilon * sign(z)
        for j in range(len(b)):
            first[i, j] += a[i, j] * b[j, p] / damped * relevance[i, p]
            second[j, p] += a[i, j] * b[j, p] / damped * relevance[i, p]
        ledger.keep("epsilon", epsilon * sign(z) / damped * relevance[i, p])
    return first, second


def softmax(ledger: Ledger, relevance, x) -> np.ndarray:
    """Taylor's expansion of each output at x: slopes times inputs, and what is left."""
    given = np.zeros_like(x)
    s = np.exp(x) / np.exp(x).sum()
    for o in range(len(x)):
        left = s[o]
        for i in range(len(x)):
            slope = s[o] * ((i == o) - s[i])
            given[i] += slope * x[i] / s[o] * relevance[o]
            left -= slope * x[i]
        ledger.keep("softmax", left / s[o] * relevance[o])
    return given


def centred(ledger: Ledger, relevance, x, norm: nn.LayerNorm, epsilon: float) -> np.ndarray:
    scale = norm.weight.detach().numpy() / np.sqrt(x.var() + norm.eps)
    matrix = (np.eye(len(x)) - 1 / len(x)) * scale[:, None]
    return affine(ledger, relevance, x, matrix, norm.bias.detach().numpy(), epsilon)


def by_loops(net: Small, image: np.ndarray, target: int, linear: float, other: float) -> Ledger:
    """Map and ledger of one image."""
    values = {name: parameter.detach().numpy() for name, parameter in net.named_parameters()}

    def apply(name: str, rows):
        return rows @ values[f"{name}.weight"].T + values[f"{name}.bias"]

    def normed(norm: nn.LayerNorm, rows):
        return norm(torch.from_numpy(rows)).detach().numpy()

    places = [(y, x) for y in (0, 2) for x in (0, 2)]
    cut = [image[:, y : y + 2, x : x + 2].ravel() for y, x in places]
    kernel = values["embed.weight"].reshape(WIDTH, -1)
    patches = np.stack([kernel @ pixels + values["embed.bias"] for pixels in cut])
    tokens = np.concatenate([values["token"][0], patches])
    x0 = tokens + values["places"][0]
    n1 = normed(net.norm1, x0)
    q, k, v = np.split(apply("qkv", n1), 3, axis=1)
    scores = q @ k.T / np.sqrt(WIDTH)
    weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    attended = weights @ v
    branch1 = apply("projection", attended)
    x1 = x0 + branch1
    n2 = normed(net.norm2, x1)
    wide = apply("wide", n2)
    active = F.gelu(torch.from_numpy(wide)).numpy()
    branch2 = apply("narrow", active)
    x2 = x1 + branch2
    mean = x2[1:].mean(axis=0)
    logit = apply("head", mean)[target]

    ledger = Ledger(output=logit)

    def rows(name: str, relevance, x):
        matrix, bias = values[f"{name}.weight"], values[f"{name}.bias"]
        done = [
            affine(ledger, r, each, matrix, bias, linear)
            for r, each in zip(relevance, x, strict=True)
        ]
        return np.stack(done)

    def norms(norm: nn.LayerNorm, relevance, x):
        return np.stack(
            [centred(ledger, r, each, norm, other) for r, each in zip(relevance, x, strict=True)]
        )

    start = np.zeros((1, len(FINDINGS)))
    start[0, target] = logit
    r_mean = rows("head", start, mean[None])[0]
    r2 = np.zeros_like(x2)
    for d in range(WIDTH):
        r2[1:, d] = affine(ledger, r_mean[d : d + 1], x2[1:, d], np.full((1, 4), 0.25), [0], other)
    r1, r_branch2 = added(ledger, r2, x1, branch2, other)
    r_wide = rows("narrow", r_branch2, active)
    r1 = r1 + norms(net.norm2, rows("wide", r_wide, n2), x1)
    r0, r_branch1 = added(ledger, r1, x0, branch1, other)
    r_weights, r_v = matrices(ledger, rows("projection", r_branch1, attended), weights, v, other)
    r_scores = np.stack([softmax(ledger, r, x) for r, x in zip(r_weights, scores, strict=True)])
    r_q, r_k = matrices(ledger, r_scores, q / np.sqrt(WIDTH), k.T, other)
    r_n1 = rows("qkv", np.concatenate([r_q, r_k.T, r_v], axis=1), n1)
    r0 = r0 + norms(net.norm1, r_n1, x0)
    r_tokens, r_places = added(ledger, r0, tokens, values["places"][0], other)
    ledger.keep("biases", r_places.sum() + r_tokens[0].sum())
    found = np.zeros((SIDE, SIDE))
    for (y, x), relevance, pixels in zip(places, r_tokens[1:], cut, strict=True):
        to_pixels = affine(ledger, relevance, pixels, kernel, values["embed.bias"], linear)
        found[y : y + 2, x : x + 2] = to_pixels.reshape(3, 2, 2).sum(axis=0)
    ledger["map"], ledger["input"] = found, found.sum()
    return ledger


@pytest.mark.parametrize("fused", [True, False])
def test_every_share_is_that_of_the_loops(fused: bool) -> None:
    spec = attn_lrp("epsilon(epsilon=0.02)", EPSILON)
    small, films = model(fused=fused), images()
    found = maps(small, films, spec)
    for n in range(len(films)):
        for k, target in enumerate((0, 2)):
            expected = by_loops(small.network, films[n].numpy(), target, 0.02, EPSILON)
            np.testing.assert_allclose(found.values[n, k], expected.pop("map"), rtol=1e-9)
            for name, amount in expected.items():
                assert float(found.ledger[name][n, k]) == pytest.approx(amount, rel=1e-9), name
    assert found.residual.abs().max() < 1e-12
    assert all(abs(found.ledger[name]).min() > 1e-6 for name in ("softmax", "epsilon", "biases"))


class Passing(torch.autograd.Function):
    """GELU forward, its output's relevance backward."""

    @staticmethod
    def forward(_ctx, x: Tensor) -> Tensor:
        return F.gelu(x)

    @staticmethod
    def backward(_ctx, relevance: Tensor) -> Tensor:
        return relevance


def test_the_library_of_the_authors_agrees() -> None:
    """lxt, of which only ``lxt.explicit`` is imported: it needs torch alone."""
    lxt = pytest.importorskip("lxt.explicit.functional")
    small, films = model(), images()
    net = small.network
    found = maps(small, films, attn_lrp("epsilon(epsilon=0.0)", 0.0))
    cut = F.unfold(films, PATCH, stride=PATCH).transpose(1, 2).requires_grad_()

    def linear(x: Tensor, layer: nn.Linear) -> Tensor:
        return lxt.linear_epsilon(x, layer.weight, layer.bias, 1e-12)

    def normed(x: Tensor, norm: nn.LayerNorm) -> Tensor:
        return lxt.layer_norm(x, norm.weight, norm.bias, norm.eps)

    def forward() -> Tensor:
        kernel = net.embed.weight.flatten(1)
        patches = lxt.linear_epsilon(cut, kernel, net.embed.bias, 1e-12)
        token = net.token.expand(len(films), -1, -1)
        x = lxt.add2(torch.cat([token, patches], dim=1), net.places, False, 1e-12)
        q, k, v = linear(normed(x, net.norm1), net.qkv).chunk(3, dim=-1)
        scaled = lxt.mul2(q, torch.tensor(WIDTH**-0.5).double())
        scores = lxt.matmul(scaled, k.transpose(1, 2), False, 1e-12)
        attended = lxt.matmul(lxt.softmax(scores, -1), v, False, 1e-12)
        x = lxt.add2(x, linear(attended, net.projection), False, 1e-12)
        wide = linear(normed(x, net.norm2), net.wide)
        active = Passing.apply(wide)
        x = lxt.add2(x, linear(active, net.narrow), False, 1e-12)
        return linear(lxt.mean(x[:, 1:], 1, False, 1e-12), net.head)

    for k, target in enumerate((0, 2)):
        logits = forward()  # anew, since it keeps graphs of its own
        start = torch.zeros_like(logits)
        start[:, target] = logits[:, target].detach()
        (relevance,) = torch.autograd.grad(logits, cut, start)
        by_pixel = F.fold(relevance.transpose(1, 2), SIDE, PATCH, stride=PATCH).sum(dim=1)
        torch.testing.assert_close(
            found.values[:, k], by_pixel, rtol=1e-3, atol=1e-5
        )  # it damps norms, by 1e-6


@pytest.mark.parametrize("name", ["vit_small", "deit_small"])
@pytest.mark.parametrize(
    "spec",
    [
        "attn_lrp",
        pytest.param(
            "attn_lrp(convolution=gamma, linear=gamma(gamma=0.05))", marks=pytest.mark.slow
        ),
    ],
)
def test_nothing_is_lost_on_vision_transformers(name: str, spec: str) -> None:
    built = build(name, "linear", FINDINGS, Preprocessing(Squash(48, 48))).double()
    found = maps(built, images(48), spec)
    assert found.residual.abs().max() < 1e-9  # asked: 1e-3
    assert set(found.ledger) == {"output", "input", "biases", "softmax", "epsilon", "undivided"}
    assert not torch.allclose(found.values[:, 0], found.values[:, 1], rtol=0.1)


def test_a_class_token_that_is_read_adds_up_too() -> None:
    network = timm.create_model("deit_tiny_patch16_224", num_classes=3, dynamic_img_size=True)
    own = Adapted(network, "norm", FINDINGS, Preprocessing(Squash(48, 48))).double()
    assert maps(own, images(48)).residual.abs().max() < 1e-9


def test_one_finding_after_the_other_is_all_at_once() -> None:
    small = model()
    together = maps(small, images())
    for k, target in enumerate((0, 2)):
        alone = maps(small, images(), targets=(target,))
        torch.testing.assert_close(together.values[:, k], alone.values[:, 0])


def test_two_factors_get_half_each() -> None:
    """So a tensor times itself gets what it would as one operation that passes relevance on."""

    class Squared(nn.Module):
        def __init__(self, square) -> None:
            super().__init__()
            self.body = nn.Conv2d(3, 8, PATCH, stride=PATCH)
            self.head = nn.Linear(4, len(FINDINGS))
            self.square = square
            generator = torch.Generator().manual_seed(5)
            for parameter in self.parameters():
                parameter.data.uniform_(-0.8, 0.8, generator=generator)

        def forward(self, films: Tensor) -> Tensor:
            first, second = self.body(films).chunk(2, dim=1)
            return self.head(self.square(first, second).mean(dim=(2, 3)))

    def of(square) -> Maps:
        network = Squared(square)
        own = Adapted(network, "body", FINDINGS, Preprocessing(Squash(SIDE, SIDE)))
        return maps(own.double(), images())

    product, halves = of(lambda a, b: a * b), of(lambda a, b: (a.detach() * b + a * b.detach()) / 2)
    torch.testing.assert_close(product.values, halves.values, rtol=1e-4, atol=1e-5)
    assert product.residual.abs().max() < 1e-12


def test_a_query_that_asks_the_same_of_every_image_keeps_its_part() -> None:
    """Pooling by attention with a learned query: its share of the relevance is a bias."""

    class Pooled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Conv2d(3, WIDTH, PATCH, stride=PATCH)
            self.query = nn.Parameter(torch.linspace(-1, 1, WIDTH).view(1, 1, 1, WIDTH))
            self.head = nn.Linear(WIDTH, len(FINDINGS))

        def forward(self, films: Tensor) -> Tensor:
            x = self.body(films).flatten(2).mT[:, None]
            query = self.query.expand(len(films), -1, -1, -1)
            return self.head(F.scaled_dot_product_attention(query, x, x)[:, 0, 0])

    pooled = Adapted(Pooled(), "body", FINDINGS, Preprocessing(Squash(SIDE, SIDE))).double()
    assert maps(pooled, images()).residual.abs().max() < 1e-9


@pytest.mark.parametrize(
    ("attention", "message"),
    [
        (sdpa(is_causal=True), "its attention is masked"),
        (lambda x: (x @ x.mT + torch.eye(16).log()).softmax(-1) @ x, "its attention is masked"),
        (lambda x: x.cumsum(dim=1), "no rule for cumsum"),
    ],
)
def test_what_has_no_rule_is_refused(attention, message: str) -> None:
    with pytest.raises(MapError, match=rf"AttnLRP is not defined for this network.*{message}"):
        maps(attending(attention).double(), images(48), targets=(0, 1))


def test_damping_is_a_small_number() -> None:
    with pytest.raises(SpecError, match="expected a small number"):
        methods.parse("attn_lrp(epsilon=-1.0)")
