"""Sensitivity-n: does relevance add up as what the model says falls?

Random subsets S of n cells of a grid are hidden; the value is the correlation, over the subsets,

    corr( sum of relevance in S,  p(x) - p(x without S) )

of Pearson.  In [-1, 1]; a truer map has a higher one, and a map that is constant has none (nan).
Ancona et al., ICLR 2018, https://arxiv.org/abs/1711.06104, with cells for pixels: of a film of many
pixels no random subset of them hides anything that a model would miss.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import interpolate

from heatproof.fidelity.hiding import Infill, cells_of, check_count, check_share, falls
from heatproof.fidelity.metrics import Better, Explained, fidelities


@fidelities.register("sensitivity_n")
@dataclass(frozen=True)
class SensitivityN:
    """Correlation of hidden relevance and the fall of the probability.

    Attributes:
        share: n, as a share of the cells.
        samples: How many subsets.
        grid: Cells down and across.
        infill: What hidden cells show: ``mean``, ``black`` or ``blur``.
        seed: Draws the subsets, the same for all maps.
    """

    share: float = 0.2
    samples: int = 50
    grid: int = 14
    infill: Infill = "mean"
    seed: int = 0
    title: ClassVar[str] = "Sensitivity-n"
    better: ClassVar[Better] = "higher"

    def __post_init__(self) -> None:
        check_share("share", self.share)
        check_count("samples", self.samples, 3)
        check_count("grid", self.grid, 2)

    def __call__(self, explained: Explained) -> Float[Tensor, "n k"]:
        """One value a map."""
        forward, relevance = explained.forward, explained.relevance
        subsets = self._subsets().to(relevance.device)
        size = (relevance.shape[2], relevance.shape[3])
        regions = interpolate(subsets[:, None].float(), size, mode="nearest").bool()[:, 0]
        fallen = falls(forward, regions, self.infill, explained.targets)
        cells = cells_of(relevance, self.grid).flatten(2)
        hidden = torch.einsum("nkc,sc->nks", cells.to(fallen), subsets.flatten(1).to(fallen))
        return _correlation(hidden, fallen)

    def _subsets(self) -> Bool[Tensor, "s g g"]:
        generator = torch.Generator().manual_seed(self.seed)
        count = max(1, round(self.share * self.grid**2))
        drawn = torch.rand(self.samples, self.grid**2, generator=generator).argsort(dim=1)
        return (drawn < count).view(self.samples, self.grid, self.grid)


def _correlation(
    first: Float[Tensor, "n k s"], second: Float[Tensor, "n k s"]
) -> Float[Tensor, "n k"]:
    """Pearson's, over the last axis; nan where one of the two does not vary beyond rounding."""
    first, second = (each.double() for each in (first, second))
    centred = [each - each.mean(dim=-1, keepdim=True) for each in (first, second)]
    scales = [each.norm(dim=-1) for each in centred]
    flat = torch.zeros_like(scales[0], dtype=torch.bool)
    for scale, each in zip(scales, (first, second), strict=True):
        flat |= scale <= 1e-6 * each.norm(dim=-1)
    value = (centred[0] * centred[1]).sum(dim=-1) / (scales[0] * scales[1])
    return torch.where(flat, torch.nan, value).float()
