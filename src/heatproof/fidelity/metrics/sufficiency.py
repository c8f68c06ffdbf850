"""Sufficiency: by how much the probability falls with the most relevant pixels alone.

    value = p(x) - p(x with all but the most relevant share hidden)

In [-1, 1]; a truer map has a lower one.  It asks whether the region is *enough*.  DeYoung et al.,
ACL 2020, https://doi.org/10.18653/v1/2020.acl-main.408.
"""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from heatproof.fidelity.hiding import Infill, check_share, infilled, ranks, without_most_relevant
from heatproof.fidelity.metrics import Better, Explained, fidelities


@fidelities.register("sufficiency")
@dataclass(frozen=True)
class Sufficiency:
    """Fall of the probability with the most relevant pixels alone.

    Attributes:
        share: How much of the image stays.
        infill: What hidden pixels show: ``mean``, ``black`` or ``blur``.
    """

    share: float = 0.1
    infill: Infill = "mean"
    title: ClassVar[str] = "Sufficiency"
    better: ClassVar[Better] = "lower"

    def __post_init__(self) -> None:
        check_share("share", self.share)

    def __call__(self, explained: Explained) -> Float[Tensor, "n k"]:
        """One value a map."""
        forward, relevance = explained.forward, explained.relevance
        pixels = relevance.shape[2] * relevance.shape[3]
        places, empty = ranks(relevance), infilled(forward, self.infill)
        counts = [pixels, round(self.share * pixels)]
        curve = without_most_relevant(
            forward, empty, forward.images, places, explained.targets, counts
        )
        return curve[..., 0] - curve[..., 1]
