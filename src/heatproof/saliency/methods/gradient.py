"""Gradient: how the logit changes with each pixel.

M = |dy/dx|, the largest over the channels.  Simonyan, Vedaldi & Zisserman, 2013, section 3,
https://arxiv.org/abs/1312.6034.  With ``channels="sum"`` the map is signed: for a grey image
copied to its channels, the sum is the derivative with respect to the grey value (as normalized).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxtyping import Float
from torch import Tensor

from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass

Channels = Literal["max_abs", "sum_abs", "sum", "sum_square"]


@methods.register("gradient")
@dataclass(frozen=True)
class Gradient:
    """Simonyan's saliency map, at the resolution of the input.

    Attributes:
        channels: ``max_abs`` (the paper), ``sum_abs`` (PAIR's visualization), ``sum`` (signed) or
            ``sum_square`` (what PAIR's squared SmoothGrad averages).
    """

    channels: Channels = "max_abs"
    title: ClassVar[str] = "Gradient"
    kind: ClassVar[Kind] = "gradient"
    needs: ClassVar[Need] = "input gradients"

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target."""
        return Maps(reduce_channels(forward.input_gradients(targets), self.channels))


def reduce_channels(
    gradients: Float[Tensor, "n k c h w"], how: Channels
) -> Float[Tensor, "n k h w"]:
    """One value per pixel from the channels of the image."""
    match how:
        case "max_abs":
            return gradients.abs().amax(dim=2)
        case "sum_abs":
            return gradients.abs().sum(dim=2)
        case "sum":
            return gradients.sum(dim=2)
        case "sum_square":
            return gradients.square().sum(dim=2)
