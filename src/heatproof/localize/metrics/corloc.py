"""CorLoc: does the one box of a map overlap a marked box by half?

Deselaers et al., IJCV 2012, https://doi.org/10.1007/s11263-012-0538-3: the share of films with the
finding whose box has an IoU of more than one half with any marked box.  The box is that around the
largest connected part of the map above a fifth of its range, as CAM draws it (Zhou et al., CVPR
2016, https://arxiv.org/abs/1512.04150).  Marked boxes are those around the connected parts of the
mask.  Undefined where nothing is marked.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import cv2
import numpy as np
from jaxtyping import Bool, Float

from heatproof.data.annotations import connected_parts
from heatproof.localize import metrics
from heatproof.localize.box_overlap import boxes_around, check_threshold, overlaps
from heatproof.maps.binarize import Binarizer, Fixed, binarizers


@metrics.register("corloc")
@dataclass(frozen=True)
class CorLoc:
    """Whether the box around the largest part of the map overlaps a marked box by more than half.

    Attributes:
        threshold: What the IoU must exceed.
        binarize: How a map becomes parts.
    """

    title: ClassVar[str] = "CorLoc"
    undefined: ClassVar[str] = "nothing is marked, or the map is constant or not finite"
    chance: ClassVar[float | None] = None
    empty_is_zero: ClassVar[bool] = True
    threshold: float = 0.5
    binarize: Binarizer = field(default=Fixed(0.2), metadata={"registry": binarizers})

    def __post_init__(self) -> None:
        check_threshold(self.threshold)

    def __call__(self, saliency: Float[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]) -> float:
        """1 or 0; ``nan`` where undefined."""
        predicted = self.binarize(saliency)
        if predicted is None or not mask.any():
            return float("nan")
        count, _, stats, _ = cv2.connectedComponentsWithStats(predicted.astype(np.uint8))
        if count == 1:
            return 0.0
        # Of equally large parts each may be the one: a hit by any is one, in whatever order.
        areas = stats[1:, cv2.CC_STAT_AREA]
        largest = stats[1:][areas == areas.max(), :4].astype(float)
        shares = overlaps(largest, boxes_around(connected_parts(mask)))
        return float(shares.max() > self.threshold)
