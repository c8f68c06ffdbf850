"""Pooled pixels: one ratio of all pixels of a data set, counted together.

Pixels that both mark, that the map marks and that the reader marks are summed over films first, and
one sensitivity, precision, IoU, ... is made of the sums: large radiographs and large lesions count
more than others, where a mean over films gives each the same weight.  Films without the finding
count, with all that the map marks there.

``films="annotated"`` counts only films on which the reader marked something, whatever it was, as
Saporta et al. 2022 (https://doi.org/10.1038/s42256-022-00536-x) do: films without any finding, and
the false positives on them, are then left out.
"""

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, cast

import numpy as np
from jaxtyping import Float

from heatproof.data.geometry import Geometry
from heatproof.errors import SpecError
from heatproof.localize import (
    Detections,
    Metric,
    RateOfPixels,
    Reference,
    metrics,
    rate_of_pixels,
)
from heatproof.localize.metrics.pixel_rates import PixelSensitivity
from heatproof.localize.overlap import Overlap, Rate, overlap_of_map
from heatproof.maps.binarize import Binarizer


@metrics.register("pooled")
@dataclass(frozen=True)
class Pooled:
    """Of all pixels of the data set together, what the named metric is of the pixels of one film.

    Attributes:
        rate: ``pixel_sensitivity``, ``pixel_specificity``, ``pixel_precision``, ``iou`` or
            ``dice``; what it says of empty masks does not matter here.
        films: All of which the finding is known, or only those with any annotation.
    """

    title: ClassVar[str] = "Pooled pixels"
    undefined: ClassVar[str] = "the map is constant or not finite"
    chance: ClassVar[float | None] = None
    sees_negatives: ClassVar[bool] = True
    rate: Metric = field(default=PixelSensitivity(), metadata={"registry": metrics})
    films: Literal["known", "annotated"] = "known"

    def __post_init__(self) -> None:
        if not isinstance(self.rate, Rate):
            raise SpecError(
                f"pooled(rate=...) got {self.rate}, expected a ratio of counts of pixels:"
                " pixel_sensitivity, pixel_specificity, pixel_precision, iou or dice"
            )

    @property
    def _of(self) -> Rate:
        return cast("Rate", self.rate)

    @property
    def binarize(self) -> Binarizer:
        """That of the rate."""
        return self._of.binarize

    @property
    def rate_of_pixels(self) -> RateOfPixels | None:
        """That of the rate, pooled."""
        role = rate_of_pixels(self.rate)
        return None if role is None else replace(role, pooled=self.films)

    @property
    def per_map(self) -> str:
        """The mean over films."""
        return f"{self.rate.title} per film"

    def of_map(
        self, saliency: Float[np.ndarray, "y x"], geometry: Geometry, reference: Reference
    ) -> Float[np.ndarray, " c"]:
        """Pixels that both mark, that the map marks, that the reader marks, and all."""
        return self.of_counts(overlap_of_map(saliency, geometry, reference.mask, self.binarize))

    def of_counts(self, counts: Overlap | None) -> Float[np.ndarray, " c"]:
        """What ``of_map`` returns, of pixels that were counted already; nan where they are None."""
        if counts is None:
            return np.full(4, np.nan)
        return np.array([counts.shared, counts.predicted, counts.marked, counts.pixels], float)

    def alone(self, seen: Float[np.ndarray, " c"]) -> float:
        """The ratio of one film; ``nan`` where it divides by nothing."""
        return float("nan") if np.isnan(seen[0]) else self._of.rate(_counts(seen))

    def of_dataset(
        self, detections: Detections, weights: Float[np.ndarray, "b n"]
    ) -> Float[np.ndarray, " b"]:
        """Between 0 and 1; ``nan`` where it divides by nothing."""
        seen = detections.columns(4)
        counted = np.isfinite(seen[:, 0])
        if self.films == "annotated":
            counted &= detections.annotated
        sums = weights[:, counted] @ seen[counted]
        return np.array([self._of.rate(_counts(row)) for row in sums], float)


def _counts(row: Float[np.ndarray, " c"]) -> Overlap:
    return Overlap(*(int(count) for count in row))
