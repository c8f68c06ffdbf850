"""Insertion: how soon a finding is there when the most relevant pixels are shown first.

    AUC = area under the probability over the share of shown pixels, from 0 to 1

by the trapezoidal rule, at shares 0, 1/steps, ..., 1.  In [0, 1]; a truer map has a higher one.
Petsiuk, Das & Saenko, BMVC 2018, https://arxiv.org/abs/1806.07421, who begin with a blurred image.
"""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from heatproof.fidelity.hiding import Infill, check_count, infilled
from heatproof.fidelity.metrics import Better, Explained, fidelities
from heatproof.fidelity.metrics.deletion import area


@fidelities.register("insertion")
@dataclass(frozen=True)
class Insertion:
    """Area under the probability as the most relevant pixels are shown.

    Attributes:
        steps: How often pixels are shown, each time as many.
        infill: What pixels show before: ``mean``, ``black`` or ``blur``.
    """

    steps: int = 20
    infill: Infill = "blur"
    title: ClassVar[str] = "Insertion"
    better: ClassVar[Better] = "higher"

    def __post_init__(self) -> None:
        check_count("steps", self.steps, 2)

    def __call__(self, explained: Explained) -> Float[Tensor, "n k"]:
        """One value a map."""
        forward, relevance = explained.forward, explained.relevance
        empty = infilled(forward, self.infill)
        return area(forward, empty, forward.images, relevance, explained.targets, self.steps)
