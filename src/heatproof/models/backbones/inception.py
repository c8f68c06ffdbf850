"""Inception v3 and v4, as in timm.

v3: Szegedy et al., CVPR 2016, https://arxiv.org/abs/1512.00567, without the auxiliary classifier.
v4: Szegedy et al., AAAI 2017, https://arxiv.org/abs/1602.07261.

Blocks: stem, then the mixed and reduction blocks in order.  Features follow a ReLU.

Strided layers do not pad: the grid has 8 x 8 cells at 299 and at 320 pixels, and the smallest image
has 75.  Cell i looks around pixel 37.5 + 32 i, so the grid is centred on images of 75 + 32 k pixels
such as 299.  At 320 a map stretched over the image shows at 20 what is at 38, and at 300 what is at
262: choose a centred size where places matter.
"""

from collections import OrderedDict
from dataclasses import dataclass

from torch import nn

from heatproof.models.backbones import Backbone, Grid, backbones, timm_network

V3_STEM = (
    *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Pool1"),
    *("Conv2d_3b_1x1", "Conv2d_4a_3x3", "Pool2"),
)
V4_STEM = 6  # layers
V4 = (
    *("inception_a1", "inception_a2", "inception_a3", "inception_a4", "reduction_a"),
    *("inception_b1", "inception_b2", "inception_b3", "inception_b4"),
    *("inception_b5", "inception_b6", "inception_b7", "reduction_b"),
    *("inception_c1", "inception_c2", "inception_c3"),
)


@backbones.register("inception_v3")
@dataclass(frozen=True)
class InceptionV3:
    """22 million weights, 2,048 features."""

    def __call__(self, channels: int = 3, weights: str = "random") -> Backbone:
        """Build it."""
        network, source = timm_network("inception_v3", channels, weights, ("AuxLogits",))
        parts = dict(network.named_children())
        stem = OrderedDict((part, parts[part]) for part in V3_STEM)
        mixed = {name.lower(): part for name, part in parts.items() if name.startswith("Mixed")}
        grid = Grid(network.num_features, stride=32, signed=False)
        return Backbone({"stem": nn.Sequential(stem), **mixed}, grid, source)


@backbones.register("inception_v4")
@dataclass(frozen=True)
class InceptionV4:
    """41 million weights, 1,536 features."""

    def __call__(self, channels: int = 3, weights: str = "random") -> Backbone:
        """Build it."""
        network, source = timm_network("inception_v4", channels, weights)
        stem, blocks = network.features[:V4_STEM], network.features[V4_STEM:]
        grid = Grid(network.num_features, stride=32, signed=False)
        return Backbone({"stem": stem, **dict(zip(V4, blocks, strict=True))}, grid, source)
