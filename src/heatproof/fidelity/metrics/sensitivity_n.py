"""Sensitivity-n: does relevance add up as what the model says falls?

Random subsets S of n cells of a grid are hidden; the value is the correlation, over the subsets,

    corr( sum of relevance in S,  p(x) - p(x without S) )

of Pearson.  In [-1, 1]; a truer map has a higher one, and a map that is constant has none (nan).
Ancona et al., ICLR 2018, https://arxiv.org/abs/1711.06104, with cells for pixels: of a film of many
pixels no random subset of them hides anything that a model would miss.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from heatproof.fidelity.hiding import (
    Infill,
    cells_of,
    check_count,
    check_share,
    infilled,
    probabilities,
)
from heatproof.fidelity.metrics import Better, fidelities
from heatproof.saliency.forward import ForwardPass


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

    def __call__(
        self,
        forward: ForwardPass,
        relevance: Float[Tensor, "n k h w"],
        targets: Sequence[int],
    ) -> Float[Tensor, "n k"]:
        """One value a map."""
        subsets = self._subsets().to(relevance.device)
        # Equal for all maps of one finding.
        asked = list(dict.fromkeys(targets))
        falls = self._falls(forward, subsets, asked)[:, [asked.index(t) for t in targets]]
        cells = cells_of(relevance, self.grid).flatten(2)
        hidden = torch.einsum("nkc,sc->nks", cells.to(falls), subsets.flatten(1).to(falls))
        return _correlation(hidden, falls)

    def _subsets(self) -> Bool[Tensor, "s g g"]:
        generator = torch.Generator().manual_seed(self.seed)
        count = max(1, round(self.share * self.grid**2))
        drawn = torch.rand(self.samples, self.grid**2, generator=generator).argsort(dim=1)
        return (drawn < count).view(self.samples, self.grid, self.grid)

    def _falls(
        self, forward: ForwardPass, subsets: Bool[Tensor, "s g g"], targets: Sequence[int]
    ) -> Float[Tensor, "n k s"]:
        """By how much the probability falls without each subset; the same for all maps."""
        images, empty = forward.images, infilled(forward, self.infill)
        size = (images.shape[2], images.shape[3])
        masks = torch.nn.functional.interpolate(subsets[:, None].float(), size, mode="nearest")
        masks = masks.bool()[:, 0]

        def hidden() -> Iterator[tuple[int, Tensor]]:
            for image, blank in zip(images, empty, strict=True):
                for target in targets:
                    yield target, image
                    for mask in masks:
                        yield target, torch.where(mask, blank, image)

        found = probabilities(forward, hidden())
        found = found.view(len(images), len(targets), 1 + len(masks))
        return found[..., :1] - found[..., 1:]


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
