"""Box AP: average precision of boxes at thresholds of IoU, as COCO computes it.

The box of a mark (``marks.py``) is the smallest that holds it, and so is that of a lesion.  In the
order of strength, each mark of a film takes the lesion, of those that no stronger one took, whose
box its own overlaps most, if their IoU reaches the threshold.  Marks of all films are ranked by
probability times strength; a mark that took no lesion is a false positive, on films with the
finding and without.  Precision is the highest at that recall or more, averaged over recalls of 0,
.01, ..., 1 (Lin et al., ECCV 2014, https://arxiv.org/abs/1405.0312), and the result over the
thresholds.  Marks of equal rank are counted together.  Undefined without a lesion.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import cv2
import numpy as np
from jaxtyping import Bool, Float
from pycocotools import mask as coco

from heatproof.data.geometry import Geometry
from heatproof.errors import SpecError
from heatproof.localize import Detections, Reference, metrics
from heatproof.localize.marks import marks
from heatproof.maps.binarize import Binarizer, Otsu, binarizers

RECALLS = np.linspace(0, 1, 101)


@metrics.register("box_ap")
@dataclass(frozen=True)
class BoxAP:
    """Average precision of the boxes around what the maps mark, a lesion being found where the two
    boxes overlap enough.

    Attributes:
        thresholds: Of IoU, from which a box finds a lesion; their mean is reported.  COCO takes
            .5, .55, ..., .95.
        binarize: How a map becomes marks.
    """

    title: ClassVar[str] = "Box AP"
    per_map: ClassVar[str] = "share of a film's lesions found"
    undefined: ClassVar[str] = "the map is constant or not finite"
    chance: ClassVar[float | None] = None
    sees_negatives: ClassVar[bool] = True
    thresholds: tuple[float, ...] = (0.5,)
    binarize: Binarizer = field(default=Otsu(), metadata={"registry": binarizers})

    def __post_init__(self) -> None:
        if not self.thresholds or not all(0 < value <= 1 for value in self.thresholds):
            raise SpecError(f"thresholds={self.thresholds}, expected IoUs above 0, up to 1")

    def of_map(
        self, saliency: Float[np.ndarray, "y x"], geometry: Geometry, reference: Reference
    ) -> Float[np.ndarray, " c"]:
        """Lesions; then of each mark its strength, and at each threshold 1 if it finds one or 0."""
        height, width = reference.mask.shape
        predicted = marks(geometry.back(saliency, (height, width)), self.binarize)
        if predicted is None:
            return np.array([np.nan])
        boxes = [cv2.boundingRect(lesion.astype(np.uint8)) for lesion in reference.lesions()]
        lesions = np.array(boxes, float).reshape(-1, 4)
        ious = np.zeros((len(predicted.boxes), len(lesions)))
        # pycocotools gives an empty list, and no matrix, where either side is empty.
        if ious.size:
            # The zeros say that no lesion is a crowd, whose IoU is over the mark's area alone.
            ious = coco.iou(predicted.boxes, lesions, [0] * len(lesions))
        hits = np.column_stack([_matched(ious, threshold) for threshold in self.thresholds])
        rows = np.column_stack([predicted.strength, hits]).ravel()
        return np.concatenate([[float(len(lesions))], rows])

    def alone(self, seen: Float[np.ndarray, " c"]) -> float:
        """Share of the lesions that are found, over the thresholds; ``nan`` without one."""
        if not seen[0] > 0:
            return float("nan")
        hits = seen[1:].reshape(-1, 1 + len(self.thresholds))[:, 1:]
        return float(np.nansum(hits) / (seen[0] * len(self.thresholds)))

    def of_dataset(
        self, detections: Detections, weights: Float[np.ndarray, "b n"]
    ) -> Float[np.ndarray, " b"]:
        """Between 0 and 1; ``nan`` without a lesion."""
        seen, counted = detections.seen, np.isfinite(detections.seen[:, 0])
        width = 1 + len(self.thresholds)
        rows = seen[:, 1:].reshape(len(seen), seen.shape[1] // width, width)
        films, places = np.nonzero(np.isfinite(rows[..., 0]))
        rank = detections.probabilities[films] * rows[films, places, 0]
        order = np.argsort(-rank, kind="stable")
        films, found, rank = films[order], rows[films, places, 1:][order] > 0, rank[order]
        # Marks of equal rank are one threshold, and the last of them has the counts of all.
        last = np.append(rank[1:] != rank[:-1], True)[: len(rank)]
        lesions = weights[:, counted] @ seen[counted, 0]
        areas = [
            [_area(counts, hits, last, sought) for hits in found.T]
            for counts, sought in zip(weights[:, films], lesions, strict=True)
        ]
        averages: np.ndarray = np.mean(areas, axis=1)
        return averages


def _matched(ious: Float[np.ndarray, "m l"], threshold: float) -> Bool[np.ndarray, " m"]:
    """Which marks find a lesion, the strongest choosing first."""
    left, finds = ious.copy(), np.zeros(len(ious), bool)
    for mark in range(len(ious) if ious.shape[1] else 0):
        best = int(left[mark].argmax())
        if left[mark, best] >= threshold:
            finds[mark] = True
            # -1 lies below every threshold, so each lesion is taken once.
            left[:, best] = -1
    return finds


def _area(
    counts: Float[np.ndarray, " e"],
    found: Bool[np.ndarray, " e"],
    last: Bool[np.ndarray, " e"],
    sought: float,
) -> float:
    """Interpolated precision, averaged over recalls.

    Args:
        counts: How often each mark counts, the highest rank first.
        found: Whether it finds a lesion.
        last: Whether the next one ranks lower.
        sought: Lesions.
    """
    if sought == 0:
        return float("nan")
    hits, read = np.cumsum(counts * found)[last], np.cumsum(counts)[last]
    precision = np.divide(hits, read, out=np.zeros(len(read)), where=read > 0)
    # A recall that is never reached looks up the 0 at the end.
    highest = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    return float(highest[np.searchsorted(hits / sought, RECALLS)].mean())
