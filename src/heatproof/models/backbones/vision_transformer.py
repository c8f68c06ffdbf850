"""Vision transformers on square images.

ViT: Dosovitskiy et al., ICLR 2021, https://arxiv.org/abs/2010.11929.  DeiT: Touvron et al., ICML
2021, https://arxiv.org/abs/2012.12877.  As in timm, at any size that is a multiple of the patch:
position embeddings are interpolated.

Blocks: embed, block1 to block12, norm.  Between them are tokens ``n t d``, of which the first is
the class token; norm, the last, leaves it out and lays the others out on their grid, as
``n d y x``.  So every head reads the patches, and what the class token gathers in the last layer is
not used.  Features are signed, and there is no ReLU: methods that have a rule for ReLU refuse it.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from heatproof.errors import ModelError
from heatproof.models.backbones import Backbone, Grid, backbones, timm_network

PREFIX = 1  # the class token


class Embed(nn.Module):
    """Images to tokens, each with the embedding of its place."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.cls_token, self.pos_embed = network.cls_token, network.pos_embed
        self.patch_embed = network.patch_embed
        self.patch = network.patch_embed.patch_size[0]

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n t d"]:
        """Tokens, the class token first."""
        from timm.layers.pos_embed import resample_abs_pos_embed

        height, width = images.shape[2:]
        if height != width or height % self.patch:
            raise ModelError(
                f"images are {height} x {width}; this vision transformer takes squares whose side"
                f" is a multiple of {self.patch}, its patch"
            )
        patches = self.patch_embed(images)  # n y x d
        places = resample_abs_pos_embed(
            self.pos_embed, list(patches.shape[1:3]), num_prefix_tokens=PREFIX
        )
        first = self.cls_token.expand(len(images), -1, -1)
        tokens: Tensor = torch.cat([first, patches.flatten(1, 2)], dim=1) + places
        return tokens


class Norm(nn.Module):
    """The last norm, and the patches back on their grid."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, tokens: Float[Tensor, "n t d"]) -> Float[Tensor, "n d y x"]:
        """The features on the grid of patches."""
        patches: Tensor = self.norm(tokens)[:, PREFIX:]
        # ``Embed`` takes squares alone, so the root is whole.
        side = math.isqrt(patches.shape[1])
        return patches.transpose(1, 2).reshape(len(patches), -1, side, side)


@dataclass(frozen=True)
class _VisionTransformer:
    name: ClassVar[str]

    def __call__(self, channels: int = 3, weights: str = "random") -> Backbone:
        """Build it."""
        # Otherwise timm refuses images of another size than it was trained with.
        network, source = timm_network(self.name, channels, weights, dynamic_img_size=True)
        layers = {f"block{number}": b for number, b in enumerate(network.blocks, start=1)}
        embed = Embed(network)
        grid = Grid(network.num_features, embed.patch, signed=True, prefix=PREFIX)
        return Backbone({"embed": embed, **layers, "norm": Norm(network.norm)}, grid, source)


@backbones.register("vit_small")
class ViTSmall(_VisionTransformer):
    """22 million weights, 384 features, patches of 16 pixels; ViT with the recipe of AugReg."""

    name = "vit_small_patch16_224"


@backbones.register("deit_small")
class DeiTSmall(_VisionTransformer):
    """22 million weights, 384 features, patches of 16 pixels; trained on ImageNet-1k alone."""

    name = "deit_small_patch16_224"
