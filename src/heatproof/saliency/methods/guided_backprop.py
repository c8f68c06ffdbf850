"""Guided backpropagation: the gradient, with evidence against left out at every ReLU.

At each ReLU, backwards: g_in = g_out * [g_out > 0] * [output > 0].  Springenberg et al., ICLR
workshop 2015, https://arxiv.org/abs/1412.6806.

Defined for networks of ReLUs; others are refused, since there it would be the plain gradient under
another name.  The map depends little on the finding and on trained weights (Adebayo et al., NeurIPS
2018, https://arxiv.org/abs/1810.03292): read it with its randomization verdict.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.intercept import ReLURule
from heatproof.saliency.methods.gradient import Channels, reduce_channels


@methods.register("guided_backprop")
@dataclass(frozen=True)
class GuidedBackprop:
    """At the resolution of the input.

    Attributes:
        channels: ``max_abs``, ``sum_abs`` or ``sum`` (signed), as for ``gradient``.
    """

    channels: Channels = "max_abs"
    title: ClassVar[str] = "Guided Backprop"
    kind: ClassVar[Kind] = "gradient"
    needs: ClassVar[Need] = "input gradients"

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target."""
        gradients = forward.under(GuidedReLU()).input_gradients(targets)
        return Maps(reduce_channels(gradients, self.channels))


class GuidedReLU(ReLURule):
    """Positive gradients pass where the ReLU was on."""

    title = "guided backpropagation"

    def backward_of(self, gradient: Tensor, output: Tensor) -> Tensor:
        """The rule."""
        # ReLU's own backward pass, which keeps the gradient where the output is above 0.
        passed: Tensor = torch.ops.aten.threshold_backward(gradient, output, 0)
        return passed.clamp_(min=0)
