"""EfficientNet-Lite.  https://github.com/tensorflow/tpu (2020); as in timm.

EfficientNet without gates and with ReLU6, so that every rule for it knows every layer.  With
``stride=16`` the last strided stage keeps its grid and is dilated.

Blocks: stem, stage1 to stage7, last (the 1x1 convolution to the features that the classifier sees).
Features follow ReLU6.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from torch import nn

from heatproof.models.backbones import Backbone, Grid, backbones, timm_network


@backbones.register("efficientnet_lite0")
@dataclass(frozen=True)
class EfficientNetLite0:
    """3.4 million weights, 1,280 features.

    Attributes:
        stride: Pixels from cell to cell of the last features.
    """

    stride: Literal[32, 16] = 32

    def __call__(self, channels: int = 3, weights: str = "random") -> Backbone:
        """Build it."""
        network, source = timm_network(
            "efficientnet_lite0", channels, weights, output_stride=self.stride
        )
        stem = nn.Sequential(OrderedDict(conv=network.conv_stem, norm=network.bn1))
        stages = {f"stage{number}": s for number, s in enumerate(network.blocks, start=1)}
        last = nn.Sequential(OrderedDict(conv=network.conv_head, norm=network.bn2))
        grid = Grid(network.num_features, stride=self.stride, signed=False)
        return Backbone({"stem": stem, **stages, "last": last}, grid, source)
