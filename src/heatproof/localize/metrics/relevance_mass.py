"""Relevance mass accuracy: how much of the relevance lies inside the mask?

The sum of relevance over the mask over the sum of relevance over the image, of the map as the
method returns it (Arras et al., Information Fusion 2022, https://arxiv.org/abs/2003.07258).
Relevance against the finding has no place in a ratio of sums: it is left out (``sign="positive"``)
or counts by its size (``"absolute"``).  Undefined where nothing is marked, where no relevance is
left, and for a map that is not finite.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Bool, Float

from heatproof.localize import metrics


@metrics.register("relevance_mass")
@dataclass(frozen=True)
class RelevanceMass:
    """Share of the relevance that lies inside the marked region.

    Attributes:
        sign: Which relevance counts: that for the finding, or all by its size.
    """

    title: ClassVar[str] = "Relevance mass"
    undefined: ClassVar[str] = "nothing is marked, or no relevance is left, or it is not finite"
    chance: ClassVar[float | None] = None  # the share of the image that is marked
    zero_matters: ClassVar[bool] = True
    sign: Literal["positive", "absolute"] = "positive"

    def __call__(self, saliency: Float[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]) -> float:
        """Between 0 and 1; ``nan`` where undefined."""
        if not mask.any() or not np.isfinite([saliency.min(), saliency.max()]).all():
            return float("nan")
        mass = np.abs(saliency) if self.sign == "absolute" else np.maximum(saliency, 0)
        total = mass.sum(dtype=np.float64)
        return float(mass.sum(where=mask, dtype=np.float64) / total) if total else float("nan")
