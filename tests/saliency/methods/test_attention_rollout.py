"""Rollout by running the blocks of a vision transformer by hand."""

import numpy as np
import pytest
import timm.layers
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heatproof.data.geometry import Squash
from heatproof.errors import MapError
from heatproof.models.backbones import Backbone, Grid
from heatproof.models.classifier import Classifier, build
from heatproof.models.heads.linear import LinearHead
from heatproof.models.preprocessing import Preprocessing
from heatproof.saliency import explain, methods
from tests.saliency.conftest import make

SIDE = 48  # 3 x 3 patches
PREPROCESSING = Preprocessing(Squash(SIDE, SIDE))


@pytest.fixture(scope="module")
def transformer() -> Classifier:
    """With attention that is not nearly uniform, as it is with small random weights."""
    model = build("vit_small", "linear", ("nodule", "effusion"), PREPROCESSING)
    generator = torch.Generator().manual_seed(0)
    for name, weight in model.named_parameters():
        if name.endswith("qkv.weight"):
            weight.data.normal_(std=0.1, generator=generator)
        if name.endswith("cls_token"):
            weight.data.normal_(generator=generator)
    return model


def maps(model: nn.Module, images: Tensor, targets=(0, 1)) -> Tensor:
    return (
        explain(methods.parts(["attention_rollout"]), model, images, list(targets))
        .maps["attention_rollout"]
        .values
    )


def by_hand(model: Classifier, images: Tensor) -> np.ndarray:
    """Attention from the weights of each block, multiplied in numpy."""
    blocks = dict(model.backbone.named_children())
    rolled = np.stack([np.eye(10)] * len(images))
    with torch.no_grad():
        tokens = blocks["embed"](images)
        for number in range(1, 13):
            block = blocks[f"block{number}"]
            x = block.norm1(tokens)
            weights = np.split(block.attn.qkv.weight.double().numpy(), 3)
            biases = np.split(block.attn.qkv.bias.double().numpy(), 3)
            q, k = (x.double().numpy() @ weights[i].T + biases[i] for i in (0, 1))
            for image in range(len(images)):
                heads = []
                for head in range(6):
                    part = slice(64 * head, 64 * (head + 1))
                    scores = np.exp(q[image][:, part] @ k[image][:, part].T / 8)
                    heads.append(scores / scores.sum(axis=1, keepdims=True))
                mixed = np.mean(heads, axis=0) + np.eye(10)
                rolled[image] = mixed / mixed.sum(axis=1, keepdims=True) @ rolled[image]
            tokens = block(tokens)
    return rolled[:, 1:, 1:].mean(axis=1).reshape(-1, 3, 3)


def test_rollout_is_the_product_of_what_the_layers_attend(transformer, images) -> None:
    transformer.double()
    found = maps(transformer, images.double()).numpy()
    expected = by_hand(transformer, images.double())
    assert np.std(expected[0]) > 0.01 * np.mean(expected)
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-8)
    np.testing.assert_array_equal(found[:, 0], found[:, 1])
    transformer.float()


def test_cells_are_shares_of_which_the_class_token_has_the_rest(transformer, images) -> None:
    found = maps(transformer, images)
    assert (found > 0).all()
    assert (found.sum(dim=(2, 3)) < 1).all()


def test_fused_or_not_attention_is_the_same(transformer, images, monkeypatch) -> None:
    fused = maps(transformer, images)
    for name, module in transformer.named_modules():
        if name.endswith("attn"):
            monkeypatch.setattr(module, "fused_attn", False)
    torch.testing.assert_close(maps(transformer, images), fused)


class Attention(nn.Module):
    """Among the cells of a small image."""

    def __init__(self, attention) -> None:
        super().__init__()
        self.attention = attention

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(tokens(x)).mT.reshape(-1, 3, 4, 4)


def tokens(images: Tensor) -> Tensor:
    return F.avg_pool2d(images, 12).flatten(2).mT


def attending(attention) -> Classifier:
    backbone = Backbone({"body": Attention(attention)}, Grid(3, 12, signed=True), "random")
    return Classifier(backbone, LinearHead(3, 2), ("nodule", "effusion"), PREPROCESSING)


def sdpa(**options):
    return lambda x: F.scaled_dot_product_attention(*[x[:, None]] * 3, **options)[:, 0]


def windows(x: Tensor) -> Tensor:
    """Each half of the tokens among themselves, as in Swin."""
    halves = x.reshape(-1, 1, x.shape[1] // 2, x.shape[2])
    return F.scaled_dot_product_attention(halves, halves, halves).reshape(x.shape)


def test_other_scales_are_followed(images) -> None:
    found = maps(attending(sdpa(scale=3.0)), images)
    attention = torch.softmax(3 * tokens(images) @ tokens(images).mT, dim=2)
    expected = ((attention + torch.eye(16)) / 2).mean(dim=1).view(3, 4, 4)
    torch.testing.assert_close(found[:, 0], expected)


@pytest.mark.parametrize(
    ("attention", "message"),
    [
        (sdpa(is_causal=True), "its attention is masked"),
        (sdpa(attn_mask=torch.ones(16, 16, dtype=torch.bool)), "its attention is masked"),
        (windows, r"its attention is \(6, 8, 8\)"),
        (lambda x: F.scaled_dot_product_attention(x, x, x), r"expected\s+n heads t d"),
        (
            lambda x: F.scaled_dot_product_attention(x[:, None], *[x[:, None, ::2]] * 2)[:, 0],
            "of the same tokens",
        ),
        (lambda x: torch.softmax(x[:, None] @ x[:, None, ::2].mT, -1).sum() + x, "was expected"),
        (nn.Identity(), "it has no attention that can be seen"),
    ],
)
def test_what_is_not_attention_among_all_tokens_is_refused(attention, message, images) -> None:
    with pytest.raises(MapError, match=rf"attention rollout is not defined.*{message}"):
        maps(attending(attention), images)


def test_networks_without_attention_are_refused(images) -> None:
    with pytest.raises(MapError, match="no attention"):
        maps(make("resnet10t + linear"), images)


def test_timm_fuses_attention() -> None:
    """Else the test of both ways would be one of the same way."""
    assert timm.layers.use_fused_attn()
