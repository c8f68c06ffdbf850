"""Label efficiency: does a map survive training on fewer labels?

Venkatesh et al. 2024, https://doi.org/10.1007/s10278-024-01136-4, trained on 100, 50, 10 and 1 % of
the data.  A model that learned from a part is compared with those that learned from the most.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from heatproof.trust.criteria import criteria
from heatproof.trust.pairs import Origin, differing


@criteria.register("label_efficiency")
@dataclass(frozen=True)
class LabelEfficiency:
    """Models that differ in how many of the training patients they saw; their seeds are free."""

    title: ClassVar[str] = "Label efficiency"
    question: ClassVar[str] = "Does it survive fewer labels?"
    explains: ClassVar[str] = (
        "A network that learned from fewer films gives a map of the same film that is far "
        "more alike than maps of different films are."
    )
    in_python: ClassVar[str] = "models by the share of patients they saw: {1.0: whole, 0.1: tenth}"
    needs: ClassVar[str] = "two models whose sampling has different fractions"

    def pairs(self, models: Sequence[Origin]) -> list[tuple[Origin, Origin, str]]:
        """Those that saw most with those that saw less; the level is the smaller share."""
        most = max((model.fraction for model in models), default=1.0)
        # `differing` keeps this order, so the model that saw more stands first in every pair.
        ordered = sorted(models, key=lambda model: -model.fraction)
        pairs = differing(ordered, "fraction", free=("seed",))
        return [
            (first, second, f"{second.fraction:g}")
            for first, second in pairs
            if first.fraction == most
        ]
