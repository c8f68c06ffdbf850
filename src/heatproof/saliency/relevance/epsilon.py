"""Epsilon rule: relevance in proportion to contributions, damped where they cancel out.

    R_i = sum_o x_i w_io / (z_o + epsilon * sign(z_o)) * R_o,  z_o = sum_j x_j w_jo + b_o

with sign(0) = 1.  Bach et al., PLOS ONE 2015, https://doi.org/10.1371/journal.pone.0130140; with
``epsilon=0`` it is LRP-0.  The bias absorbs b_o / (...) and the damping epsilon * sign(z_o) / (...)
of R_o: both are in the ledger.

In many layers one after the other the shares, of both signs, outgrow the logit by orders of
magnitude; they still add up, but the map is noise.  It is meant for the last layers.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from heatproof.errors import SpecError
from heatproof.saliency.relevance import Division, Layer, inverse, nothing, relevance_rules


@relevance_rules.register("epsilon")
@dataclass(frozen=True)
class Epsilon:
    """Shares of both signs.

    Attributes:
        epsilon: In units of the layer's output; 0 for LRP-0.
    """

    epsilon: float = 1e-6
    title: ClassVar[str] = "epsilon"
    absorbs: ClassVar[tuple[str, ...]] = ("biases", "epsilon", "undivided")

    def __post_init__(self) -> None:
        if not 0 <= self.epsilon < float("inf"):
            raise SpecError(f"epsilon={self.epsilon}; expected a small number >= 0, such as 1e-6")

    def __call__(self, layer: Layer) -> Division:
        """The division at a layer."""
        contributions = layer.contributions((layer.x, layer.weight))
        z = contributions.total() + layer.bias
        # torch.sign(0) is 0, which would leave an output of 0 undamped.
        damping = self.epsilon * torch.where(z < 0, -1.0, 1.0).to(z)
        share = inverse(z + damping)
        absorbed = {
            "biases": layer.bias * share,
            "epsilon": damping * share,
            "undivided": nothing(z + damping).to(z),
        }
        return Division([(contributions, share)], absorbed)
