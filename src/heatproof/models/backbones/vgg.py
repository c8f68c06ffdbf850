"""VGG.  Simonyan & Zisserman, ICLR 2015, https://arxiv.org/abs/1409.1556; as in timm.

Blocks: stage1 to stage5, each of convolutions, their ReLUs, and the pooling that ends it.

The two fully connected layers after the last pooling (timm's ``pre_logits``, 120 of 140 million
weights) are no part of the backbone: CAM (Zhou et al., CVPR 2016) and WILDCAT replace them by their
own heads too, without which there would be no class map.  Their weights in a file are left out.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from torch import nn

from heatproof.models.backbones import Backbone, Grid, backbones, timm_network


@dataclass(frozen=True)
class _VGG:
    name: ClassVar[str]

    def __call__(self, channels: int = 3, weights: str = "random") -> Backbone:
        """Build it."""
        # Nothing is loaded into what is removed, so it need not be built at its size of 480 MB.
        narrow = {} if weights == "imagenet" else {"mlp_ratio": 1 / 4096}
        network, source = timm_network(self.name, channels, weights, ("pre_logits",), **narrow)
        ends = [i for i, layer in enumerate(network.features, 1) if isinstance(layer, nn.MaxPool2d)]
        stages = {
            f"stage{number}": network.features[start:end]
            for number, (start, end) in enumerate(pairwise([0, *ends]), start=1)
        }
        return Backbone(stages, Grid(512, stride=32, signed=False), source)


@backbones.register("vgg19")
class VGG19(_VGG):
    """20 million weights."""

    name = "vgg19"


@backbones.register("vgg19_bn")
class VGG19BN(_VGG):
    """20 million weights, batch norm after every convolution."""

    name = "vgg19_bn"
