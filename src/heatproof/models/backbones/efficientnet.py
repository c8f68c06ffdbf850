"""EfficientNet.  Tan & Le, ICML 2019, https://arxiv.org/abs/1905.11946; as in timm.

Blocks: stem, stage1 to stage7, last (the 1x1 convolution to the features that the classifier sees).

Features follow SiLU and so are signed, and there is no ReLU: methods that have a rule for ReLU
refuse it.
"""

from collections import OrderedDict
from dataclasses import dataclass

from torch import nn

from heatproof.models.backbones import Backbone, Grid, backbones, timm_network


@backbones.register("efficientnet_b0")
@dataclass(frozen=True)
class EfficientNetB0:
    """4 million weights, 1,280 features."""

    def __call__(self, channels: int = 3, weights: str = "random") -> Backbone:
        """Build it."""
        network, source = timm_network("efficientnet_b0", channels, weights)
        stem = nn.Sequential(OrderedDict(conv=network.conv_stem, norm=network.bn1))
        stages = {f"stage{number}": s for number, s in enumerate(network.blocks, start=1)}
        last = nn.Sequential(OrderedDict(conv=network.conv_head, norm=network.bn2))
        grid = Grid(network.num_features, stride=32, signed=True)
        return Backbone({"stem": stem, **stages, "last": last}, grid, source)
