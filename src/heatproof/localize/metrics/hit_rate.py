"""Hit rate, or pointing game: is the map's peak inside the mask?  1 hit, 0 miss.

Zhang et al., IJCV 2018, https://arxiv.org/abs/1608.00507, who count a hit within 15 pixels too
(``tolerance=15``); here the peak must lie inside unless told.  ``nan`` for an empty mask, and for a
map that is constant or not finite.

Upsampling a coarse map leaves a flat plateau where its maximum is a border cell: thousands of tied
pixels, of which the first in reading order lies on the edge of the image.  By default the map
points at the tied pixel nearest to the centroid of all tied pixels (the first of those in reading
order); ``ties="first"`` is what CheXlocalize does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Bool, Float

from heatproof.data.geometry.enlarging import Enlargement
from heatproof.errors import SpecError
from heatproof.localize import metrics
from heatproof.localize.middle import nearest_to_centroid


@metrics.register("hit_rate")
@dataclass(frozen=True)
class HitRate:
    """Whether the strongest point of the map lies inside the region that the reader marked.

    Attributes:
        ties: Which of several equal maxima is the peak.
        tolerance: How far from the nearest marked pixel the peak may lie and still hit, in pixels
            of the radiograph, from centre to centre.
    """

    title: ClassVar[str] = "Hit rate"
    undefined: ClassVar[str] = "nothing is marked, or the map is constant or not finite"
    chance: ClassVar[float | None] = None
    empty_is_zero: ClassVar[bool] = True
    presets: ClassVar[Mapping[str, str]] = {"pointing_game": "tolerance=15.0"}
    ties: Literal["centroid", "first"] = "centroid"
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance < float("inf"):
            raise SpecError(f"tolerance={self.tolerance}, expected pixels, at least 0")

    def __call__(self, saliency: Float[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]) -> float:
        """1 for a hit, 0 for a miss, ``nan`` where undefined."""
        return self.of_points(self.pointed(Enlargement.whole(saliency)), mask)

    def pointed(self, shown: Enlargement) -> list[tuple[int, int]] | None:
        """The peak of a map; ``None`` where it is constant or not finite."""
        point = _peak(shown, self.ties)
        return None if point is None else [point]

    def of_points(
        self, points: Sequence[tuple[int, int]] | None, mask: Bool[np.ndarray, "h w"]
    ) -> float:
        """1 where any of the points hits, 0 where none does or a reader named none."""
        if points is None or not mask.any():
            return float("nan")
        return float(any(self._near(mask, point) for point in points))

    def _near(self, mask: Bool[np.ndarray, "h w"], point: tuple[int, int]) -> bool:
        """Whether a marked pixel is within the tolerance."""
        reach = int(self.tolerance)
        top, left = (max(middle - reach, 0) for middle in point)
        window = mask[top : point[0] + reach + 1, left : point[1] + reach + 1]
        rows, columns = np.nonzero(window)
        distances = np.hypot(rows + top - point[0], columns + left - point[1])
        return bool((distances <= self.tolerance).any())


def peak(
    saliency: Float[np.ndarray, "h w"], ties: Literal["centroid", "first"] = "centroid"
) -> tuple[int, int] | None:
    """Row and column of the maximum; ``None`` for a map that is constant or not finite."""
    return _peak(Enlargement.whole(saliency), ties)


def _peak(shown: Enlargement, ties: str) -> tuple[int, int] | None:
    if shown.limits is None:
        return None
    rows, columns = shown.maxima
    if ties == "first":
        return int(rows[0]), int(columns[0])
    nearest = nearest_to_centroid(rows, columns)
    return int(rows[nearest]), int(columns[nearest])
