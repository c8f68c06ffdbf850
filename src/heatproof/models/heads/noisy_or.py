"""Noisy-OR head: a film shows a finding unless every one of its cells fails to.

A 1x1 convolution gives the class map M_k, one logit per cell; with p_ki = sigmoid(M_ki)

    p_k = 1 - prod_i (1 - p_ki),    logit_k = log(p_k / (1 - p_k)).

Multiple-instance learning of Li et al., CVPR 2018, https://doi.org/10.1109/CVPR.2018.00865.  There
factors are squeezed into [.98, 1] so that their product does not underflow; here it is taken in
logarithms, log(1 - p_k) = -s with s = sum_i softplus(M_ki), and logit_k = log(exp(s) - 1), so that
nothing is squeezed.

At the start every cell says ``prior``.  With 1/2, a grid of 200 cells would say 1 - 2^-200 of every
film, and learn nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from heatproof.models.heads import HeadModule, heads


class NoisyOrHead(HeadModule):
    """A 1x1 convolution, and the probability that any cell is positive."""

    uniform = False

    def __init__(self, prior: float, channels: int, findings: int) -> None:
        super().__init__()
        self.evidence = nn.Conv2d(channels, findings, kernel_size=1)
        bias = self.evidence.bias
        assert bias is not None
        nn.init.constant_(bias, math.log(prior / (1 - prior)))

    def forward(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k"]:
        """The logits of these features."""
        failing = softplus(self.class_map(features)).flatten(2).sum(dim=-1)
        # No cell is so sure of its failure that the sum is 0 in more than rounding.
        failing = failing.clamp_min(torch.finfo(failing.dtype).tiny)
        # log(exp(s) - 1), which would overflow for large s.
        return failing + torch.log(-torch.expm1(-failing))

    def class_map(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k y x"]:
        """The logit of every cell."""
        maps: Tensor = self.evidence(features)
        return maps


@heads.register("noisy_or")
@dataclass(frozen=True)
class NoisyOr:
    """Any positive cell makes the film positive.

    Attributes:
        prior: Probability that a cell starts with.
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"prior": (1e-6, 0.5)}
    prior: float = 0.005

    def __call__(self, channels: int, findings: int) -> HeadModule:
        """Build it."""
        return NoisyOrHead(self.prior, channels, findings)
