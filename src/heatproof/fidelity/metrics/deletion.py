"""Deletion: how soon a finding is gone when the most relevant pixels are hidden first.

    AUC = area under the probability over the share of hidden pixels, from 0 to 1

by the trapezoidal rule, at shares 0, 1/steps, ..., 1.  In [0, 1]; a truer map has a lower one.
Petsiuk, Das & Saenko, BMVC 2018, https://arxiv.org/abs/1806.07421.  Where hiding everything leaves
the probability high, no map can have a low one: so compare with chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.fidelity.hiding import Infill, check_count, infilled, ranks, without_most_relevant
from heatproof.fidelity.metrics import Better, Explained, fidelities
from heatproof.saliency.forward import ForwardPass


@fidelities.register("deletion")
@dataclass(frozen=True)
class Deletion:
    """Area under the probability as the most relevant pixels are hidden.

    Attributes:
        steps: How often pixels are hidden, each time as many.
        infill: What hidden pixels show: ``mean``, ``black`` or ``blur``.
    """

    steps: int = 20
    infill: Infill = "mean"
    title: ClassVar[str] = "Deletion"
    better: ClassVar[Better] = "lower"

    def __post_init__(self) -> None:
        check_count("steps", self.steps, 2)

    def __call__(self, explained: Explained) -> Float[Tensor, "n k"]:
        """One value a map."""
        forward, relevance = explained.forward, explained.relevance
        hidden = infilled(forward, self.infill)
        return area(forward, forward.images, hidden, relevance, explained.targets, self.steps)


def area(
    forward: ForwardPass,
    shown: Float[Tensor, "n c h w"],
    hidden: Float[Tensor, "n c h w"],
    relevance: Float[Tensor, "n k h w"],
    targets: Sequence[int],
    steps: int,
) -> Float[Tensor, "n k"]:
    """Area under the probability over the share of pixels that show ``hidden``."""
    pixels = relevance.shape[2] * relevance.shape[3]
    counts = [round(pixels * step / steps) for step in range(steps + 1)]
    curve = without_most_relevant(forward, shown, hidden, ranks(relevance), targets, counts)
    return torch.trapezoid(curve, dx=1 / steps, dim=-1)
