"""Infidelity: how badly relevance foretells what the model says without a part of the image.

Random squares S are hidden; with the relevance r(S) in each and the fall d(S) of the probability,

    value = min over b of  sum_S (b * r(S) - d(S))^2 / sum_S d(S)^2

In [0, 1]; a truer map has a lower one; 1 where relevance foretells nothing, nan where the model
never says anything else.  Yeh et al., NeurIPS 2019, https://arxiv.org/abs/1901.09392, with their
best scale b, since most maps have no unit, and divided by its value for a map of zeros, since
models differ in how much they say.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from heatproof.fidelity.hiding import Infill, check_count, check_share, falls
from heatproof.fidelity.metrics import Better, Explained, fidelities


@fidelities.register("infidelity")
@dataclass(frozen=True)
class Infidelity:
    """Error of relevance as a forecast of the fall of the probability.

    Attributes:
        side: Side of a square, as a share of the shorter side of the image.
        samples: How many squares.
        infill: What hidden pixels show: ``mean``, ``black`` or ``blur``.
        seed: Draws the squares, the same for all maps.
    """

    side: float = 0.25
    samples: int = 50
    infill: Infill = "mean"
    seed: int = 0
    title: ClassVar[str] = "Infidelity"
    better: ClassVar[Better] = "lower"

    def __post_init__(self) -> None:
        check_share("side", self.side)
        check_count("samples", self.samples, 3)

    def __call__(self, explained: Explained) -> Float[Tensor, "n k"]:
        """One value a map."""
        forward, relevance = explained.forward, explained.relevance
        height, width = relevance.shape[2:]
        squares = self._squares(height, width).to(relevance.device)
        fallen = falls(forward, squares, self.infill, explained.targets).double()
        within = torch.einsum("nkhw,shw->nks", relevance.double(), squares.double())
        scale = (within * fallen).sum(dim=-1) / within.square().sum(dim=-1)
        # A map of zeros foretells nothing, whatever its scale.
        scale = scale.nan_to_num(0.0)
        error = (scale[..., None] * within - fallen).square().sum(dim=-1)
        return (error / fallen.square().sum(dim=-1)).float()

    def _squares(self, height: int, width: int) -> Bool[Tensor, "s h w"]:
        """Squares that lie within the image, anywhere alike."""
        side = max(1, round(self.side * min(height, width)))
        generator = torch.Generator().manual_seed(self.seed)
        drawn = torch.rand(2, self.samples, 1, generator=generator)
        top = (drawn[0] * (height - side + 1)).long()
        left = (drawn[1] * (width - side + 1)).long()
        rows, columns = torch.arange(height), torch.arange(width)
        down = (top <= rows) & (rows < top + side)
        across = (left <= columns) & (columns < left + side)
        return down[:, :, None] & across[:, None, :]
