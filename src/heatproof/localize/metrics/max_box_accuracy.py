"""MaxBoxAcc and MaxBoxAccV2: box accuracy at the threshold that is best for the data set.

Choe et al., CVPR 2020 and its extension of 2022, https://arxiv.org/abs/2007.04178
(``wsolevaluation``).  Every map is scaled to [0, 1] by its own range and cut at thresholds in equal
steps; a film is found where a box around a part of the cut map has at least the overlap with a
marked box.  The best threshold of all counts, of the same films: the number flatters a map as a
test set flatters what was tuned on it, and the control beside it as much.  Version 1 takes the
largest part and an IoU of .5, version 2 every part, and the mean over IoUs of .3, .5 and .7, each
with its own best threshold.  Undefined without a film with the finding.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import cv2
import numpy as np
from jaxtyping import Bool, Float

from heatproof.data.geometry import Geometry
from heatproof.errors import SpecError
from heatproof.localize import Detections, Reference, metrics
from heatproof.localize.box_overlap import boxes_around, overlaps
from heatproof.maps.binarize import rescaled

_IOUS = {1: (0.5,), 2: (0.3, 0.5, 0.7)}


@metrics.register("max_box_accuracy")
@dataclass(frozen=True)
class MaxBoxAccuracy:
    """Share of films of which a box of the map overlaps a marked box, at the best threshold.

    Attributes:
        version: 1 for MaxBoxAcc, 2 for MaxBoxAccV2.
        steps: Number of equal steps of the threshold, from 0 on; published code takes 1,000.
    """

    title: ClassVar[str] = "MaxBoxAcc"
    per_map: ClassVar[str] = "share of thresholds at which the film is found"
    undefined: ClassVar[str] = "the map is constant or not finite"
    chance: ClassVar[float | None] = None
    sees_negatives: ClassVar[bool] = False
    version: Literal[1, 2] = 2
    steps: int = 20

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= 1000:  # noqa: PLR2004
            raise SpecError(f"steps={self.steps}, expected 1 to 1000")

    def of_map(
        self, saliency: Float[np.ndarray, "y x"], geometry: Geometry, reference: Reference
    ) -> Float[np.ndarray, " c"]:
        """Whether the film is found, at each IoU and threshold."""
        height, width = reference.mask.shape
        scaled = rescaled(geometry.back(saliency, (height, width)))
        if scaled is None:
            return np.array([np.nan])
        marked = boxes_around(reference.lesions())
        best = [self._best(scaled > step / self.steps, marked) for step in range(self.steps)]
        return np.concatenate([np.array(best) >= iou for iou in _IOUS[self.version]]).astype(float)

    def alone(self, seen: Float[np.ndarray, " c"]) -> float:
        """The mean over IoUs and thresholds."""
        return float(seen[: len(_IOUS[self.version]) * self.steps].mean())

    def of_dataset(
        self, detections: Detections, weights: Float[np.ndarray, "b n"]
    ) -> Float[np.ndarray, " b"]:
        """Between 0 and 1; ``nan`` without a film."""
        ious = len(_IOUS[self.version])
        seen = detections.columns(ious * self.steps)
        counted = np.isfinite(seen[:, 0])
        films = weights[:, counted].sum(axis=1)
        found = (weights[:, counted] @ seen[counted]).reshape(len(weights), ious, self.steps)
        best = found.max(axis=2).mean(axis=1)
        share: np.ndarray = np.full(len(weights), np.nan)
        np.divide(best, films, out=share, where=films > 0)
        return share

    def _best(self, above: Bool[np.ndarray, "h w"], marked: Float[np.ndarray, "l 4"]) -> float:
        """The highest IoU of a box of one cut with a marked box."""
        count, _, stats, _ = cv2.connectedComponentsWithStats(above.astype(np.uint8))
        if count == 1 or not len(marked):
            return 0.0
        boxes, areas = stats[1:, :4].astype(float), stats[1:, cv2.CC_STAT_AREA]
        chosen = boxes if self.version == 2 else boxes[areas == areas.max()]  # noqa: PLR2004
        return float(overlaps(chosen, marked).max())
