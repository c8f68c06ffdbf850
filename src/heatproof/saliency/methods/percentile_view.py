"""Percentile view: a map as PAIR's ``VisualizeImageGrayscale`` shows it.

V = clip((M - min M) / (P - min M), 0, 1), with P the 99th percentile of M (linear interpolation).
Published work scored this view in place of the map (Arun et al. 2021, Venkatesh et al. 2024); it
is here to reproduce them.  PAIR takes the sum of magnitudes over channels as M, so the base is one
with ``channels="sum_abs"``.

The highest hundredth of the cells is cut to one value, so that no peak is left: hit rates of such
maps are a matter of rules.  Of a constant map it is undefined, and not finite.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch

from heatproof.errors import SpecError
from heatproof.saliency import Kind, Maps, Method, Need, asks_finding, is_constant, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.methods.gradient import Gradient


@methods.register("percentile_view")
@dataclass(frozen=True)
class PercentileView:
    """Of another method, at its resolution; between 0 and 1.

    Attributes:
        base: The method whose map is viewed.
        percentile: Percentile of the map that becomes 1.
    """

    base: Method = field(default=Gradient(channels="sum_abs"), metadata={"registry": methods})
    percentile: float = 99.0
    title: ClassVar[str] = "Percentile view"
    kind: ClassVar[Kind] = "refinement"

    def __post_init__(self) -> None:
        if not 0 < self.percentile <= 100:  # noqa: PLR2004
            raise SpecError(f"percentile={self.percentile}; expected above 0, at most 100")

    @property
    def needs(self) -> Need:
        """What the base needs."""
        return self.base.needs

    @property
    def asks_finding(self) -> bool:
        """Whether the map of the base differs between findings."""
        return asks_finding(self.base)

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target."""
        values = self.base(forward, targets).values
        flat = values.flatten(2)
        low = flat.amin(dim=2)[:, :, None, None]
        high = torch.quantile(flat, self.percentile / 100, dim=2)[:, :, None, None]
        view = ((values - low) / (high - low)).clamp(0, 1)
        # A range that is rounding alone must not be stretched to a map.
        return Maps(view.masked_fill(is_constant(values), torch.nan))
