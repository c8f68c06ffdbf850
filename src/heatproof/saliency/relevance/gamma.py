"""Gamma rule: contributions that speak for an output count 1 + gamma times.

    R_i = sum_o (c_io + gamma (c_io)+) / (sum_j (c_jo + gamma (c_jo)+) + b_o + gamma (b_o)+) * R_o

with contributions c_io = x_i w_io, where y_o > 0; where y_o < 0 the negative parts count more
instead.  Montavon et al. 2019, https://doi.org/10.1007/978-3-030-28954-6_10, for outputs and inputs
>= 0; for both signs Andeol et al. 2021, https://arxiv.org/abs/2102.08798.  With gamma = 0 it is
epsilon(epsilon=0), with a large gamma it approaches alpha_beta(alpha=1, beta=0).

The bias absorbs its part.  Where y_o = 0 the rule is undefined and the relevance stays undivided;
after a ReLU there is none.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from heatproof.errors import SpecError
from heatproof.saliency.relevance import Division, Layer, inverse, relevance_rules


@relevance_rules.register("gamma")
@dataclass(frozen=True)
class Gamma:
    """Shares mostly of the sign of the relevance.

    Attributes:
        gamma: How much more counts what speaks for an output.
    """

    gamma: float = 0.25
    title: ClassVar[str] = "gamma"
    absorbs: ClassVar[tuple[str, ...]] = ("biases", "undivided")

    def __post_init__(self) -> None:
        if not 0 <= self.gamma < float("inf"):
            raise SpecError(f"gamma={self.gamma}; expected a number >= 0, such as 0.25")

    def __call__(self, layer: Layer) -> Division:
        """The division at a layer."""
        weight, bias = layer.weight, layer.bias
        for_, against = (
            weight + self.gamma * weight.clamp(min=0),
            weight + self.gamma * weight.clamp(max=0),
        )
        # Each part counts 1 + gamma times in one of the two, and once in the other.
        rising, falling = layer.by_sign(for_, against), layer.by_sign(against, for_)
        up, down = rising.total(), falling.total()
        y = (up + down) / (2 + self.gamma) + bias
        up += bias + self.gamma * bias.clamp(min=0)
        down += bias + self.gamma * bias.clamp(max=0)
        share_up = torch.where(y > 0, inverse(up), 0)
        share_down = torch.where(y < 0, inverse(down), 0)
        more = self.gamma * (share_up * bias.clamp(min=0) + share_down * bias.clamp(max=0))
        absorbed = {
            "biases": bias * (share_up + share_down) + more,
            "undivided": ((share_up == 0) & (share_down == 0)).to(y),
        }
        return Division([(rising, share_up), (falling, share_down)], absorbed)
