"""Flat rule: every input that an output sees gets the same share, whatever its value and weight.

    R_i = sum_o [i in the field of o] / |field of o| * R_o

For the first layer, whose inputs are pixels: Lapuschkin et al., Nature Communications 2019,
https://doi.org/10.1038/s41467-019-08987-4.  Padding gets nothing.  It conserves relevance, at the
resolution of that layer's field.
"""

from dataclasses import dataclass
from typing import ClassVar

from heatproof.saliency.relevance import Division, Layer, relevance_rules


@relevance_rules.register("flat")
@dataclass(frozen=True)
class Flat:
    """Conserves relevance; shares have the sign of the relevance."""

    title: ClassVar[str] = "flat"
    absorbs: ClassVar[tuple[str, ...]] = ()

    def __call__(self, layer: Layer) -> Division:
        """The division at a layer."""
        return Division([], evenly=layer.x.new_ones(()))
