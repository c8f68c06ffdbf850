"""ResNet.  He et al., CVPR 2016, https://arxiv.org/abs/1512.03385; variants as in timm.

Blocks: stem (convolution, batch norm, ReLU, max-pooling), layer1 to layer4.  Features follow a
ReLU.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import nn

from heatproof.models.backbones import Backbone, Grid, backbones, timm_network

Stride = Literal[16, 32]


def _resnet(name: str, in_chans: int, weights: str, stride: int, **options: Any) -> Backbone:
    network, source = timm_network(name, in_chans, weights, output_stride=stride, **options)
    _centre(network)
    parts = dict(network.named_children())
    stem = OrderedDict((part, parts[part]) for part in ("conv1", "bn1", "act1", "maxpool"))
    layers = {part: parts[part] for part in ("layer1", "layer2", "layer3", "layer4")}
    grid = Grid(network.num_features, stride=stride, signed=False)
    return Backbone({"stem": nn.Sequential(stem), **layers}, grid, source)


def _centre(network: nn.Module) -> None:
    """Keep the grid of a dilated network centred on the image.

    Where a stage no longer strides, timm's averaging shortcut still averages each cell with its
    neighbours below and to the right: with one block a stage, maps came out half a cell too far up
    and left.  There is nothing left to average.
    """
    for module in list(network.modules()):
        shortcut = getattr(module, "downsample", None)
        if not isinstance(shortcut, nn.Sequential) or not isinstance(shortcut[0], nn.AvgPool2d):
            continue
        if shortcut[0].stride in (1, (1, 1)):
            shortcut[0] = nn.Identity()


@backbones.register("resnet10t")
@dataclass(frozen=True)
class ResNet10t:
    """5 million weights, tiered stem; with ``width=16`` 0.3 million, for the smallest machines.

    Attributes:
        stride: Of the grid.
        width: Channels of layer1; each layer has twice as many as the one before.
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"width": (2, 4096)}
    stride: Stride = 32
    width: int = 64

    def __call__(self, channels: int = 3, weights: str = "random") -> Backbone:
        """Build it."""
        widths = [self.width * 2**layer for layer in range(4)]
        options = {"channels": widths, "stem_width": self.width // 2}
        return _resnet("resnet10t", channels, weights, self.stride, **options)


@dataclass(frozen=True)
class _ResNet:
    """Of 2015.

    Attributes:
        stride: Of the grid.
    """

    stride: Stride = 32
    name: ClassVar[str]

    def __call__(self, channels: int = 3, weights: str = "random") -> Backbone:
        """Build it."""
        return _resnet(self.name, channels, weights, self.stride)


@backbones.register("resnet18")
class ResNet18(_ResNet):
    """11 million weights; ``stride`` is that of the grid."""

    name = "resnet18"


@backbones.register("resnet34")
class ResNet34(_ResNet):
    """21 million weights; ``stride`` is that of the grid."""

    name = "resnet34"


@backbones.register("resnet50")
class ResNet50(_ResNet):
    """24 million weights, bottleneck blocks; ``stride`` is that of the grid."""

    name = "resnet50"


@backbones.register("resnet101")
class ResNet101(_ResNet):
    """43 million weights, bottleneck blocks; ``stride`` is that of the grid."""

    name = "resnet101"


@backbones.register("resnet152")
class ResNet152(_ResNet):
    """58 million weights, bottleneck blocks; ``stride`` is that of the grid."""

    name = "resnet152"
