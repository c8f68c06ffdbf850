"""Features of a backbone at each of its strides, as decoders and feature pyramids take them."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad

from heatproof.errors import ModelError
from heatproof.models.backbones import Backbone

_PROBE = 64  # pixels: the side of the image on which strides are measured


class Stages(nn.Module):
    """A backbone that gives the last features at each of its strides, finest first.

    Args:
        backbone: Convolutional, and padded so that n pixels make n / s cells at stride s.
        channels: Number of channels of the images.

    Attributes:
        channels: Number of channels of the features at each stride.
        strides: Pixels from cell to cell.

    Raises:
        ModelError: The backbone is of another kind.
    """

    def __init__(self, backbone: Backbone, channels: int) -> None:
        super().__init__()
        self.backbone = backbone
        shapes = _shapes(backbone, channels)
        # A later layer of the same stride takes the place of an earlier one.
        last = {_PROBE // side: index for index, (_, side) in enumerate(shapes)}
        self._ends = tuple(last.values())
        self.strides = tuple(last)
        self.channels = tuple(shapes[end][0] for end in self._ends)

    def forward(self, images: Float[Tensor, "n c h w"]) -> list[Tensor]:
        """Features ``n d y x`` at each stride s, where y = h / s and x = w / s.

        An image that the coarsest stride does not divide is continued by its last row and column,
        and y and x are rounded up: backbones differ in how they would round.
        """
        features: list[Tensor] = []
        bottom, right = (-side % self.strides[-1] for side in images.shape[2:])
        if bottom or right:
            images = pad(images, (0, right, 0, bottom), mode="replicate")
        for index, layer in enumerate(_layers(self.backbone)):
            images = layer(images)
            if index in self._ends:
                features.append(images)
        return features


def _layers(module: nn.Module) -> Iterator[nn.Module]:
    """The innermost layers of nested chains, in order: strides change within blocks, too."""
    if type(module).forward is not nn.Sequential.forward:
        yield module
        return
    for child in module.children():
        yield from _layers(child)


def _shapes(backbone: Backbone, channels: int) -> list[tuple[int, int]]:
    """Channels and side after every layer, of an image of ``_PROBE`` pixels."""
    # Evaluation mode keeps the probe from changing the statistics of batch norm.
    training = backbone.training
    backbone.eval()
    shapes = []
    values = torch.zeros(1, channels, _PROBE, _PROBE)
    with torch.no_grad():
        for layer in _layers(backbone):
            values = layer(values)
            if values.ndim != 4 or _PROBE % values.shape[-1]:  # noqa: PLR2004 - n d y x
                grid = " x ".join(str(side) for side in values.shape[2:])
                found = f"a grid of {grid}" if values.ndim == 4 else "tokens"  # noqa: PLR2004
                raise ModelError(
                    f"the backbone ({', '.join(dict(backbone.named_children()))}) makes {found} of"
                    f" {_PROBE} x {_PROBE} pixels; a localizer needs convolutions that divide the"
                    " image evenly, as those of ResNet, DenseNet, VGG, EfficientNet and ConvNeXt do"
                )
            shapes.append((values.shape[1], values.shape[-1]))
    backbone.train(training)
    return shapes
