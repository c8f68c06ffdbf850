"""Input x gradient: how much each pixel would add to the logit if the network were linear.

M = x * dy/dx, summed over channels.  Shrikumar et al., 2016, https://arxiv.org/abs/1605.01713.
x is the preprocessed image, so a pixel at the mean of the training images has no relevance.  The
map sums to the logit only where the network is linear without bias; completeness is not claimed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass


@methods.register("input_x_gradient")
@dataclass(frozen=True)
class InputXGradient:
    """Signed, at the resolution of the input."""

    title: ClassVar[str] = "Input x Gradient"
    kind: ClassVar[Kind] = "gradient"
    needs: ClassVar[Need] = "input gradients"

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target."""
        gradients = forward.input_gradients(targets)
        return Maps(torch.einsum("nchw,nkchw->nkhw", forward.images, gradients))
