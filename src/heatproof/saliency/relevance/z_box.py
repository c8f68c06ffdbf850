"""z-box rule (z^B): for the first layer, whose inputs are pixels between two bounds.

    R_i = sum_o (x_i w_io - low (w_io)+ - high (w_io)-) / sum_j (x_j w_jo - low (w_jo)+ - ...) * R_o

Montavon et al., Pattern Recognition 2017, https://doi.org/10.1016/j.patcog.2016.11.008.  All terms
are >= 0 and biases get nothing, so the rule conserves relevance; where they are all 0 every input
that the output sees gets the same.

The bounds are those of the preprocessed pixel, the same for all channels: (0 - mean) / std and
(1 - mean) / std of the preprocessing, the lowest and the highest over its channels.
"""

from dataclasses import dataclass
from typing import ClassVar

from heatproof.errors import MapError, SpecError
from heatproof.saliency.relevance import Division, Layer, inverse, nothing, relevance_rules


@relevance_rules.register("z_box")
@dataclass(frozen=True)
class ZBox:
    """Conserves relevance; shares have the sign of the relevance.

    Attributes:
        low: At most the least preprocessed pixel.
        high: At least the largest.
    """

    low: float
    high: float
    title: ClassVar[str] = "z-box"
    absorbs: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise SpecError(f"low={self.low}, high={self.high}; expected low below high")

    def __call__(self, layer: Layer) -> Division:
        """The division at a layer; raises MapError where the input leaves the box."""
        x, weight = layer.x, layer.weight
        slack = 1e-6 * (self.high - self.low)  # of rounding, where the preprocessing gave bounds
        least, most = float(x.min()), float(x.max())
        if least < self.low - slack or most > self.high + slack:
            raise MapError(
                f"z_box(low={self.low}, high={self.high}) meets inputs from {least:.4g} to"
                f" {most:.4g}; it is for the first layer, with the bounds of preprocessed pixels"
            )
        # x w - low w+ - high w-, so written that no term is negative and nothing cancels out.
        contributions = layer.contributions(
            (x - self.low, weight.clamp(min=0)), (x - self.high, weight.clamp(max=0))
        )
        total = contributions.total()
        return Division([(contributions, inverse(total))], evenly=nothing(total).to(total))
