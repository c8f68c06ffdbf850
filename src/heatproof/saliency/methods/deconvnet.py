"""Deconvnet: evidence sent back through the network, negative signals left out at every ReLU.

At each ReLU, backwards: g_in = g_out * [g_out > 0], whether or not the ReLU was on.  Zeiler &
Fergus, ECCV 2014, https://arxiv.org/abs/1311.2901; as the gradient of a ReLU network under another
rule in Springenberg et al., ICLR workshop 2015, https://arxiv.org/abs/1412.6806.  Max-pooling
remembers where the maximum was, as in the paper.

Defined for networks of ReLUs; others are refused, since there it would be the plain gradient under
another name.  The map depends little on the finding (Mahendran & Vedaldi, ECCV 2016,
https://doi.org/10.1007/978-3-319-46466-4_8): read it with its randomization verdict.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.intercept import ReLURule
from heatproof.saliency.methods.gradient import Channels, reduce_channels


@methods.register("deconvnet")
@dataclass(frozen=True)
class Deconvnet:
    """At the resolution of the input.

    Attributes:
        channels: ``max_abs``, ``sum_abs`` or ``sum`` (signed), as for ``gradient``.
    """

    channels: Channels = "max_abs"
    title: ClassVar[str] = "Deconvnet"
    kind: ClassVar[Kind] = "gradient"
    needs: ClassVar[Need] = "input gradients"

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target; raises MapError for networks with other activations."""
        signals = forward.under(DeconvReLU()).input_gradients(targets)
        return Maps(reduce_channels(signals, self.channels))


class DeconvReLU(ReLURule):
    """Positive signals pass, wherever the ReLU was."""

    title = "deconvnet"

    def backward_of(self, gradient: Tensor, output: Tensor) -> Tensor:  # noqa: ARG002
        """The rule."""
        return gradient.clamp(min=0)
