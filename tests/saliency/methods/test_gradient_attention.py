"""Gradient-weighted attention by running the blocks of a vision transformer by hand."""

import pytest
import torch
from torch import Tensor, nn

from heatproof.data.geometry import Squash
from heatproof.errors import MapError
from heatproof.models.classifier import Classifier, build
from heatproof.models.preprocessing import Preprocessing
from heatproof.saliency import explain, methods
from tests.saliency.conftest import make
from tests.saliency.methods.test_attention_rollout import attending, sdpa, windows

SIDE = 48  # 3 x 3 patches


@pytest.fixture(scope="module")
def transformer() -> Classifier:
    """With attention that is not nearly uniform, as it is with small random weights."""
    model = build("vit_small", "linear", ("nodule", "effusion"), Preprocessing(Squash(SIDE, SIDE)))
    generator = torch.Generator().manual_seed(0)
    for name, weight in model.named_parameters():
        if name.endswith("qkv.weight"):
            weight.data.normal_(std=0.1, generator=generator)
    return model.double()


def maps(model: nn.Module, images: Tensor, targets=(0, 1), spec="gradient_attention") -> Tensor:
    return explain({"": methods.parse(spec)}, model, images, list(targets)).maps[""].values


def by_hand(model: Classifier, images: Tensor, target: int) -> Tensor:
    """R of every image: attention written down block by block, one gradient per attention."""
    blocks = dict(model.eval().backbone.named_children())
    attentions = []
    tokens = blocks["embed"](images)
    for number in range(1, 13):
        block = blocks[f"block{number}"]
        normed = block.norm1(tokens)
        queries, keys, values = block.attn.qkv(normed).split(384, dim=2)
        heads, parts = [], []
        for head in range(6):
            part = slice(64 * head, 64 * head + 64)
            scores = torch.einsum("nid,njd->nij", queries[..., part], keys[..., part]) / 8
            heads.append(scores.exp() / scores.exp().sum(dim=2, keepdim=True))
            parts.append(torch.einsum("nij,njd->nid", heads[-1], values[..., part]))
        attentions.append(heads)
        tokens = tokens + block.attn.proj(torch.cat(parts, dim=2))
        tokens = tokens + block.mlp(block.norm2(tokens))
    logit = model.head(blocks["norm"](tokens))[:, target].sum()
    flat = [attention for heads in attentions for attention in heads]
    gradients = iter(torch.autograd.grad(logit, flat))
    relevance = torch.eye(10).double().repeat(len(images), 1, 1)
    for heads in attentions:
        weighted = sum((next(gradients) * attention).clamp(min=0) for attention in heads) / 6
        relevance = relevance + weighted @ relevance
    return relevance.detach()


def test_it_is_the_product_of_what_layers_attend_where_the_logit_rises(transformer, images) -> None:
    images = images.double()
    found = maps(transformer, images)
    first = maps(transformer, images, spec="gradient_attention(reads='first token')")
    for target in (0, 1):
        relevance = by_hand(transformer, images, target)
        expected = (relevance - torch.eye(10))[:, 1:, 1:].mean(dim=1).view(-1, 3, 3)
        torch.testing.assert_close(found[:, target], expected, rtol=1e-8, atol=0)
        torch.testing.assert_close(first[:, target], relevance[:, 0, 1:].view(-1, 3, 3))
    assert (found >= 0).all()
    assert not torch.allclose(found[:, 0], found[:, 1], rtol=0.1)


def test_fused_or_not_attention_is_the_same(transformer, images, monkeypatch) -> None:
    fused = maps(transformer, images.double())
    for name, module in transformer.named_modules():
        if name.endswith("attn"):
            monkeypatch.setattr(module, "fused_attn", False)
    torch.testing.assert_close(maps(transformer, images.double()), fused)


@pytest.mark.parametrize(
    ("attention", "message"),
    [
        (sdpa(is_causal=True), "its attention is masked"),
        (windows, r"its attention is \(6, 8, 8\)"),
        (lambda x: torch.softmax(x[:, None] @ x[:, None, ::2].mT, -1).sum() + x, "was expected"),
        (nn.Identity(), "it has no attention that can be seen"),
    ],
)
def test_what_is_not_attention_among_all_tokens_is_refused(attention, message, images) -> None:
    with pytest.raises(MapError, match=rf"gradient-weighted attention is not.*{message}"):
        maps(attending(attention), images)


def test_networks_without_attention_are_refused(images) -> None:
    with pytest.raises(MapError, match="no attention"):
        maps(make("resnet10t + linear"), images)
