"""Average false positives: how many boxes of a map find no marked box?

Beside ``box_accuracy``, as ChestX-ray8 prints it (Wang et al., CVPR 2017,
https://arxiv.org/abs/1705.02315): the mean over films with the finding of the number of boxes whose
overlap with every marked box is at most the threshold.  Marked boxes are those around the connected
parts of the mask.  Undefined where nothing is marked.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float

from heatproof.data.annotations import connected_parts
from heatproof.localize import metrics
from heatproof.localize.box_overlap import Over, boxes_around, check_threshold, overlaps
from heatproof.localize.marks import marks
from heatproof.maps.binarize import Binarizer, Otsu, binarizers


@metrics.register("false_boxes")
@dataclass(frozen=True)
class FalseBoxes:
    """Number of the map's boxes that overlap no marked box by more than a threshold.

    Attributes:
        threshold: What the overlap must exceed.
        over: The overlap is taken over the ``union`` of both boxes (IoU), or over the box that was
            ``found`` (IoBB).
        binarize: How a map becomes boxes.
    """

    title: ClassVar[str] = "False boxes"
    undefined: ClassVar[str] = "nothing is marked, or the map is constant or not finite"
    chance: ClassVar[float | None] = None
    lower_is_better: ClassVar[bool] = True
    unbounded: ClassVar[bool] = True
    threshold: float = 0.5
    over: Over = "union"
    binarize: Binarizer = field(default=Otsu(), metadata={"registry": binarizers})

    def __post_init__(self) -> None:
        check_threshold(self.threshold)

    def __call__(self, saliency: Float[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]) -> float:
        """A count; ``nan`` where undefined."""
        predicted = marks(saliency, self.binarize)
        if predicted is None or not mask.any():
            return float("nan")
        shares = overlaps(predicted.boxes, boxes_around(connected_parts(mask)), self.over)
        return float((shares.max(axis=1, initial=0) <= self.threshold).sum())
