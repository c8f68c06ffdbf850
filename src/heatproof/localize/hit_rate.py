"""Hit rate, or pointing game: is the map's peak inside the mask?  1 hit, 0 miss.

Zhang et al., IJCV 2018, https://arxiv.org/abs/1608.00507, without a tolerance.  ``nan`` for an
empty mask, and for a map that is constant or not finite.

Upsampling a coarse map leaves a flat plateau where its maximum is a border cell: thousands of tied
pixels, of which the first in reading order lies on the edge of the image.  By default the map
points at the tied pixel nearest to the centroid of all tied pixels (the first of those in reading
order); ``ties="first"`` is what CheXlocalize does.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Bool, Float

from heatproof.localize import metrics


@metrics.register("hit_rate")
@dataclass(frozen=True)
class HitRate:
    """Whether the strongest point of the map lies inside the region that the reader marked.

    Attributes:
        ties: Which of several equal maxima is the peak.
    """

    title: ClassVar[str] = "Hit rate"
    undefined: ClassVar[str] = "nothing is marked, or the map is constant or not finite"
    chance: ClassVar[float | None] = None
    ties: Literal["centroid", "first"] = "centroid"

    def __call__(self, saliency: Float[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]) -> float:
        """1 for a hit, 0 for a miss, ``nan`` where undefined."""
        if not mask.any():
            return float("nan")
        point = peak(saliency, self.ties)
        return float("nan") if point is None else float(mask[point])


def peak(
    saliency: Float[np.ndarray, "h w"], ties: Literal["centroid", "first"] = "centroid"
) -> tuple[int, int] | None:
    """Row and column of the maximum; ``None`` for a map that is constant or not finite."""
    low, high = saliency.min(), saliency.max()
    if not np.isfinite(high) or not np.isfinite(low) or low == high:
        return None
    if ties == "first":
        row, column = divmod(int(saliency.argmax()), saliency.shape[1])
        return row, column
    rows, columns = np.divmod(np.flatnonzero(saliency == high), saliency.shape[1])
    nearest = int(np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2))
    return int(rows[nearest]), int(columns[nearest])
