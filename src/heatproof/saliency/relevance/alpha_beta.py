"""Alpha-beta rule: alpha of the relevance to what speaks for an output, -beta to what is against.

    R_i = sum_o (alpha (x_i w_io)+ / z+_o - beta (x_i w_io)- / z-_o) * R_o,  alpha - beta = 1
    z+_o = sum_j (x_j w_jo)+ + (b_o)+,  z-_o = sum_j (x_j w_jo)- + (b_o)-

Bach et al., PLOS ONE 2015, https://doi.org/10.1371/journal.pone.0130140.  The bias absorbs its
part.  Where an output has contributions of one sign only, the other part of its relevance stays
undivided.  With beta > 0 relevance of both signs grows from layer to layer.
"""

from dataclasses import dataclass
from typing import ClassVar

from heatproof.errors import SpecError
from heatproof.saliency.relevance import Division, Layer, inverse, nothing, relevance_rules


@relevance_rules.register("alpha_beta")
@dataclass(frozen=True)
class AlphaBeta:
    """Shares of both signs, or of the relevance's sign alone where beta is 0.

    Attributes:
        alpha: For what speaks for an output, >= 1.
        beta: For what speaks against it: alpha - 1.
    """

    alpha: float = 2.0
    beta: float = 1.0
    title: ClassVar[str] = "alpha-beta"
    absorbs: ClassVar[tuple[str, ...]] = ("biases", "undivided")

    def __post_init__(self) -> None:
        # Decimals such as 0.1 are rounded in binary, so their difference need not be 1 exactly.
        if not (self.beta >= 0 and abs(self.alpha - self.beta - 1) <= 1e-9):  # noqa: PLR2004
            raise SpecError(
                f"alpha={self.alpha}, beta={self.beta}; expected beta >= 0 and alpha = 1 + beta,"
                " such as alpha=2, beta=1 or alpha=1, beta=0"
            )

    def __call__(self, layer: Layer) -> Division:
        """The division at a layer."""
        positive, negative = layer.weight.clamp(min=0), layer.weight.clamp(max=0)
        sides = [(self.alpha, layer.by_sign(positive, negative), layer.bias.clamp(min=0))]
        # With beta = 0 the negative side gets nothing, and need not be computed.
        if self.beta:
            sides.append((-self.beta, layer.by_sign(negative, positive), layer.bias.clamp(max=0)))
        shares = []
        biases = undivided = layer.bias.new_zeros(())
        for factor, contributions, bias in sides:
            total = contributions.total() + bias
            share = factor * inverse(total)
            shares.append((contributions, share))
            biases = biases + bias * share
            undivided = undivided + factor * nothing(total).to(total)
        return Division(shares, {"biases": biases, "undivided": undivided})
