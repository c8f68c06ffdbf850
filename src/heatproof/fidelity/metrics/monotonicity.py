"""Monotonicity: does each further piece of the image make the finding more likely?

Pixels are shown from the least relevant to the most relevant, as many in each step:

    value = share of the steps after the first at which the probability does not fall

In [0, 1]; a truer map has a higher one.  Luss et al., KDD 2021, https://arxiv.org/abs/1905.12698,
ask whether it is 1.  It looks at the order alone, and at the sign: evidence against a finding,
which a true map calls negative, is shown first, and lets the probability fall.
"""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from heatproof.fidelity.hiding import Infill, check_count, infilled, ranks, without_most_relevant
from heatproof.fidelity.metrics import Better, Explained, fidelities


@fidelities.register("monotonicity")
@dataclass(frozen=True)
class Monotonicity:
    """Share of steps at which the probability does not fall, the least relevant pixels first.

    Attributes:
        steps: How often pixels are shown, each time as many.
        infill: What pixels show before: ``mean``, ``black`` or ``blur``.
    """

    steps: int = 20
    infill: Infill = "mean"
    title: ClassVar[str] = "Monotonicity"
    better: ClassVar[Better] = "higher"

    def __post_init__(self) -> None:
        check_count("steps", self.steps, 3)

    def __call__(self, explained: Explained) -> Float[Tensor, "n k"]:
        """One value a map."""
        forward, relevance = explained.forward, explained.relevance
        pixels, hidden = relevance[0, 0].numel(), infilled(forward, self.infill)
        counts = [pixels - round(pixels * step / self.steps) for step in range(1, self.steps + 1)]
        curve = without_most_relevant(
            forward, forward.images, hidden, ranks(relevance), explained.targets, counts
        )
        return (curve.diff(dim=-1) >= 0).to(curve).mean(dim=-1)
