"""PxAP: average precision of all pixels of a data set, counted together.

Choe et al., CVPR 2020, https://arxiv.org/abs/2001.07437 (``wsolevaluation``): every map is scaled
to [0, 1] by its own range; at each threshold the pixels of all films with the finding that reach it
are counted, inside the masks and outside; precision is summed over the steps of recall, from the
highest threshold to the lowest.  Large films and large lesions count more.  The published code
takes 1,000 thresholds and squashes all films to one size.  Undefined without a marked pixel.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from heatproof.data.geometry import Geometry
from heatproof.errors import SpecError
from heatproof.localize import Detections, Reference, metrics
from heatproof.maps.binarize import rescaled


@metrics.register("px_ap")
@dataclass(frozen=True)
class PxAP:
    """Average precision of the pixels of all films together.

    Attributes:
        steps: Number of equal steps of the threshold, from 0 to 1.
    """

    title: ClassVar[str] = "PxAP"
    per_map: ClassVar[str] = "average precision of a film's pixels"
    undefined: ClassVar[str] = "the map is constant or not finite"
    chance: ClassVar[float | None] = None  # the share of all pixels that is marked
    sees_negatives: ClassVar[bool] = False
    steps: int = 100

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= 1000:  # noqa: PLR2004
            raise SpecError(f"steps={self.steps}, expected 1 to 1000")

    def of_map(
        self, saliency: Float[np.ndarray, "y x"], geometry: Geometry, reference: Reference
    ) -> Float[np.ndarray, " c"]:
        """Pixels that reach each threshold, from 1 down to 0: inside the mask, then outside."""
        height, width = reference.mask.shape
        scaled = rescaled(geometry.back(saliency, (height, width)))
        if scaled is None:
            return np.array([np.nan])
        # 1 is the last bin, which the maximum alone reaches.
        bins = np.floor(scaled.astype(float) * self.steps).astype(int)
        counts = [
            np.bincount(bins[chosen], minlength=self.steps + 1)[::-1].cumsum()
            for chosen in (reference.mask, ~reference.mask)
        ]
        return np.concatenate(counts).astype(float)

    def alone(self, seen: Float[np.ndarray, " c"]) -> float:
        """Of the pixels of one film."""
        return float("nan") if np.isnan(seen[0]) else self._area(seen)

    def of_dataset(
        self, detections: Detections, weights: Float[np.ndarray, "b n"]
    ) -> Float[np.ndarray, " b"]:
        """Between 0 and 1; ``nan`` without a marked pixel."""
        seen = detections.columns(2 * (self.steps + 1))
        counted = np.isfinite(seen[:, 0])
        sums = weights[:, counted] @ seen[counted]
        return np.array([self._area(row) for row in sums], float)

    def _area(self, counts: Float[np.ndarray, " c"]) -> float:
        inside, outside = counts.reshape(2, -1)
        if inside[-1] == 0:
            return float("nan")
        reached = inside + outside
        precision = np.divide(inside, reached, out=np.zeros(len(inside)), where=reached > 0)
        return float(np.diff(inside, prepend=0) @ precision / inside[-1])
