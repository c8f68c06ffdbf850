"""Comprehensiveness: by how much the probability falls without the most relevant pixels.

    value = p(x) - p(x with the most relevant share hidden)

In [-1, 1]; a truer map has a higher one.  It asks whether the region is *necessary*.  DeYoung et
al., ACL 2020, https://doi.org/10.18653/v1/2020.acl-main.408.
"""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from heatproof.fidelity.hiding import Infill, check_share, infilled, ranks, without_most_relevant
from heatproof.fidelity.metrics import Better, Explained, fidelities


@fidelities.register("comprehensiveness")
@dataclass(frozen=True)
class Comprehensiveness:
    """Fall of the probability without the most relevant pixels.

    Attributes:
        share: How much of the image is hidden.
        infill: What hidden pixels show: ``mean``, ``black`` or ``blur``.
    """

    share: float = 0.1
    infill: Infill = "mean"
    title: ClassVar[str] = "Comprehensiveness"
    better: ClassVar[Better] = "higher"

    def __post_init__(self) -> None:
        check_share("share", self.share)

    def __call__(self, explained: Explained) -> Float[Tensor, "n k"]:
        """One value a map."""
        forward, relevance = explained.forward, explained.relevance
        count = round(self.share * relevance.shape[2] * relevance.shape[3])
        places, hidden = ranks(relevance), infilled(forward, self.infill)
        curve = without_most_relevant(
            forward, forward.images, hidden, places, explained.targets, [0, count]
        )
        return curve[..., 0] - curve[..., 1]
