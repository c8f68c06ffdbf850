"""DenseNet.  Huang et al., CVPR 2017, https://arxiv.org/abs/1608.06993; as in timm.

Blocks: stem, then dense blocks and the transitions between them, then norm (the last batch norm and
its ReLU: features are taken after it, as the classifier sees them).
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from heatproof.models.backbones import Backbone, Grid, backbones, timm_network


@dataclass(frozen=True)
class _DenseNet:
    name: ClassVar[str]

    def __call__(self, channels: int = 3, weights: str = "random") -> Backbone:
        """Build it."""
        network, source = timm_network(self.name, channels, weights)
        parts = dict(network.features.named_children())
        stem = OrderedDict((part, parts.pop(part)) for part in ("conv0", "norm0", "pool0"))
        parts["norm"] = parts.pop("norm5")
        grid = Grid(network.num_features, stride=32, signed=False)
        return Backbone({"stem": nn.Sequential(stem), **parts}, grid, source)


@backbones.register("densenet121")
class DenseNet121(_DenseNet):
    """7 million weights, 1,024 features."""

    name = "densenet121"


@backbones.register("densenet169")
class DenseNet169(_DenseNet):
    """12 million weights, 1,664 features."""

    name = "densenet169"
