"""WILDCAT head: a classifier whose logits are pooled from a map that it learns.

Durand et al., CVPR 2017.  With features A (d channels on y x cells) and m maps per finding:

1. transfer: 1x1 convolution with bias from d to k*m channels, finding by finding, no activation;
2. class-wise pooling: M_k = mean of the m maps of finding k (the class map, signed);
3. spatial pooling with k+ highest and k- lowest cells:
   s_k = (mean of the k+ highest + alpha * mean of the k- lowest) / 2, or
   s_k = mean of the k+ highest, where alpha = 0 or k- = 0.

k+ and k- are counted in cells (``highest=10``) or as a share of the grid (``highest=0.2``).  An
integer is always a count and a float always a share below 1, so that 1 and 1.0 cannot be
confused; a share is rounded to cells and is at least one cell, a count is at most the grid.

The reference code of the authors differs in two places, which options reproduce: an alpha of 0.0
(and not of the integer 0) halves the logit all the same (``halve_always``), and the backward pass
of the class-wise mean hands the whole gradient to each of the m maps, so that gradients below the
head are m times as large (``sum_gradient``); Adam hardly notices, SGD does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from heatproof.errors import SpecError
from heatproof.models.heads import HeadModule, heads


def cells(amount: int | float, grid: int) -> int:
    """The number of cells of a grid that a count (int) or a share (float) stands for."""
    if isinstance(amount, int):
        return min(amount, grid)
    return max(1, round(amount * grid))


class WildcatHead(HeadModule):
    """The head as a network: transfer, class-wise pooling, spatial pooling."""

    uniform = False

    def __init__(self, spec: "Wildcat", channels: int, findings: int) -> None:
        super().__init__()
        self.spec = spec
        self.transfer = nn.Conv2d(channels, findings * spec.maps, kernel_size=1)

    def forward(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k"]:
        """The logits of these features."""
        return self.pool(self.class_map(features))

    def class_map(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k y x"]:
        """The map from which the logits are pooled."""
        maps: Tensor = self.transfer(features)
        n, _, y, x = maps.shape
        by_finding = maps.view(n, -1, self.spec.maps, y, x)
        mean = by_finding.mean(dim=2)
        if not self.spec.sum_gradient:
            return mean
        total = by_finding.sum(dim=2)
        # The value is the mean, as the other terms cancel, and the gradient is that of the sum.
        return mean.detach() + (total - total.detach())

    def pool(self, maps: Float[Tensor, "n k y x"]) -> Float[Tensor, "n k"]:
        """The logits: the highest cells of each map, plus a share of its lowest."""
        flat = maps.flatten(2)
        size, spec = flat.shape[-1], self.spec
        highest = flat.topk(cells(spec.highest, size), sorted=False).values.mean(dim=-1)
        lowest = cells(spec.highest if spec.lowest is None else spec.lowest, size)
        if lowest == 0 or (spec.alpha == 0 and not spec.halve_always):
            return highest
        low = flat.topk(lowest, largest=False, sorted=False).values.mean(dim=-1)
        return (highest + spec.alpha * low) / 2


@heads.register("wildcat")
@dataclass(frozen=True)
class Wildcat:
    """WILDCAT.

    Attributes:
        maps: m, the maps per finding.
        highest: k+, cells or share of the grid.
        lowest: k-, likewise; None for as many as the highest, 0 for none.
        alpha: Weight of the lowest.
        halve_always: Halve the logit also where alpha is 0, as the reference code does.
        sum_gradient: Hand the gradient of the mean to each map whole, as the reference code does.
    """

    presets: ClassVar[Mapping[str, str]] = {
        "durand": "maps=8, halve_always=True, sum_gradient=True"
    }
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"alpha": (0, 1e9)}
    maps: int = 4
    highest: int | float = 0.2
    lowest: int | float | None = None
    alpha: float = 0.7
    halve_always: bool = False
    sum_gradient: bool = False

    def __post_init__(self) -> None:
        if self.maps < 1:
            raise SpecError(f"maps={self.maps}; WILDCAT needs at least 1 map per finding")
        _check("highest", self.highest, least=1)
        if self.lowest is not None:
            _check("lowest", self.lowest, least=0)

    def __call__(self, channels: int, findings: int) -> HeadModule:
        """Build it."""
        return WildcatHead(self, channels, findings)


def _check(name: str, amount: int | float, least: int) -> None:
    if isinstance(amount, float) and not 0 < amount < 1:
        raise SpecError(
            f"{name}={amount}: a float is a share of the grid and lies between 0 and 1;"
            f" write {name}={round(amount)} for a number of cells"
        )
    if isinstance(amount, int) and amount < least:
        raise SpecError(f"{name}={amount}: expected at least {least} cells")
