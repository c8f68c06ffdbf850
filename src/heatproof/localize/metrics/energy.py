"""Energy inside the region, or energy-based pointing game: how much of the map is where it belongs?

The map is scaled to [0, 1] by its own minimum and maximum; the energy inside is the sum over the
mask over the sum over the image (Wang et al., CVPR Workshops 2020, Score-CAM,
https://arxiv.org/abs/1910.01279).  Scaling makes zero of the minimum, so the sign of relevance is
lost: a signed map whose zero lies mid-range gives half of its energy to pixels that say nothing,
for which ``relevance_mass`` counts the raw positive relevance alone.  Undefined where nothing is
marked, and for a map that is constant or not finite.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float

from heatproof.localize import metrics
from heatproof.maps.binarize import rescaled


@metrics.register("energy_inside")
@dataclass(frozen=True)
class EnergyInside:
    """Share of the map, scaled to its own range, that lies inside the marked region."""

    title: ClassVar[str] = "Energy inside"
    undefined: ClassVar[str] = "nothing is marked, or the map is constant or not finite"
    chance: ClassVar[float | None] = None  # the share of the image that is marked

    def __call__(self, saliency: Float[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]) -> float:
        """Between 0 and 1; ``nan`` where undefined."""
        energy = rescaled(saliency)
        if energy is None or not mask.any():
            return float("nan")
        # A film has millions of pixels, whose sum in single precision loses digits.
        inside = energy.sum(where=mask, dtype=np.float64)
        return float(inside / energy.sum(dtype=np.float64))
