"""Pooled AUROC: the ROC curve of all pixels of all films with the finding, as if of one image.

Maps of different films share no scale, so each is first scaled to [0, 1] by its own minimum and
maximum, and cut into 256 equal steps, as when it is shown; pixels on the same step tie, and count
one half.  So it asks, unlike the mean of ``auroc`` over films, whether a given brightness means the
same on every film, and large radiographs and large lesions count more.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from heatproof.data.geometry import Geometry
from heatproof.localize import Detections, Reference, metrics
from heatproof.maps.binarize import rescaled

STEPS = 256


@metrics.register("pooled_auroc")
@dataclass(frozen=True)
class PooledAUROC:
    """How often a marked pixel of any film is brighter than an unmarked pixel of any film, with the
    finding.

    Area under the ROC curve of all pixels together, each map scaled to its own range.
    """

    title: ClassVar[str] = "Pooled AUROC of pixels"
    per_map: ClassVar[str] = "AUROC per film"
    undefined: ClassVar[str] = "the map is constant or not finite"
    chance: ClassVar[float | None] = 0.5
    sees_negatives: ClassVar[bool] = False

    def of_map(
        self, saliency: Float[np.ndarray, "y x"], geometry: Geometry, reference: Reference
    ) -> Float[np.ndarray, " c"]:
        """Pixels on each step: first those that are marked, then the others."""
        height, width = reference.mask.shape
        scaled = rescaled(geometry.back(saliency, (height, width)))
        if scaled is None:
            return np.full(2 * STEPS, np.nan)
        return steps(scaled, reference.mask).astype(float).ravel()

    def alone(self, seen: Float[np.ndarray, " c"]) -> float:
        """The AUROC of one film; ``nan`` where everything is marked."""
        return float(_area(seen[None])[0])

    def of_dataset(
        self, detections: Detections, weights: Float[np.ndarray, "b n"]
    ) -> Float[np.ndarray, " b"]:
        """Between 0 and 1; ``nan`` where nothing or everything is marked."""
        seen = detections.columns(2 * STEPS)
        counted = np.isfinite(seen[:, 0])
        return _area(weights[:, counted] @ seen[counted])


def steps(
    scaled: Float[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]
) -> Int[np.ndarray, "2 steps"]:
    """How many pixels, marked and not, lie on each step of a map between 0 and 1."""
    # The maximum of a map is 1, which belongs to the last step and not to one beyond it.
    level = np.minimum((scaled * STEPS).astype(np.intp), STEPS - 1)
    return np.stack([np.bincount(level[side], minlength=STEPS) for side in (mask, ~mask)])


def _area(counts: Float[np.ndarray, "b c"]) -> Float[np.ndarray, " b"]:
    inside, outside = counts[:, :STEPS], counts[:, STEPS:]
    below = np.cumsum(outside, axis=1) - outside / 2
    pairs = inside.sum(axis=1) * outside.sum(axis=1)
    area: np.ndarray = np.full(len(counts), np.nan)
    won = np.einsum("bs,bs->b", inside, below)
    np.divide(won, pairs, out=area, where=pairs > 0)
    return area
