"""z+ rule: relevance goes to what speaks for an output.

    R_i = sum_o (x_i w_io)+ / sum_j (x_j w_jo)+ * R_o

with the positive contributions of positive inputs (through positive weights) and of negative inputs
(through negative weights); biases get nothing.  Montavon et al., Pattern Recognition 2017,
https://doi.org/10.1016/j.patcog.2016.11.008; for signed inputs it is alpha_beta(alpha=1, beta=0)
without biases.

Undefined where nothing speaks for an output that has relevance nevertheless, as happens where it
owes its activation to its bias, or where a logit is negative because all its weights are.  There
each input that the output sees gets the same, so that the rule conserves relevance on all networks.
"""

from dataclasses import dataclass
from typing import ClassVar

from heatproof.saliency.relevance import Division, Layer, inverse, nothing, relevance_rules


@relevance_rules.register("z_plus")
@dataclass(frozen=True)
class ZPlus:
    """Conserves relevance; shares have the sign of the relevance."""

    title: ClassVar[str] = "z+"
    absorbs: ClassVar[tuple[str, ...]] = ()

    def __call__(self, layer: Layer) -> Division:
        """The division at a layer."""
        positive = layer.by_sign(layer.weight.clamp(min=0), layer.weight.clamp(max=0))
        total = positive.total()
        return Division([(positive, inverse(total))], evenly=nothing(total).to(total))
