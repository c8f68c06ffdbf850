"""Box accuracy at T(IoU) or T(IoBB): of the marked boxes, how many does a box of the map find?

The dialect of ChestX-ray8 and of most work on its 984 boxes (Wang et al., CVPR 2017,
https://arxiv.org/abs/1705.02315).  The boxes of a map are those around the connected parts of the
binarized map (``marks.py``); a marked box is found where the overlap with any of them exceeds the
threshold.  Lesions count one by one.  What the boxes that find nothing cost, ``false_boxes`` tells.
Undefined without a lesion.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from heatproof.data.geometry import Geometry
from heatproof.localize import Reference, metrics
from heatproof.localize.box_overlap import Over, boxes_around, check_threshold, overlaps
from heatproof.localize.lesions_found import LesionsFound
from heatproof.localize.marks import marks
from heatproof.maps.binarize import Binarizer, Otsu, binarizers


@metrics.register("box_accuracy")
@dataclass(frozen=True)
class BoxAccuracy(LesionsFound):
    """Share of the marked boxes that overlap a box of the map by more than a threshold.

    Attributes:
        threshold: What the overlap must exceed.
        over: The overlap is taken over the ``union`` of both boxes (IoU), or over the box that was
            ``found`` (IoBB).
        binarize: How a map becomes boxes.
    """

    title: ClassVar[str] = "Box accuracy"
    per_map: ClassVar[str] = "share of a film's boxes found"
    undefined: ClassVar[str] = "the map is constant or not finite"
    chance: ClassVar[float | None] = None
    sees_negatives: ClassVar[bool] = False
    threshold: float = 0.5
    over: Over = "union"
    binarize: Binarizer = field(default=Otsu(), metadata={"registry": binarizers})

    def __post_init__(self) -> None:
        check_threshold(self.threshold)

    def of_map(
        self, saliency: Float[np.ndarray, "y x"], geometry: Geometry, reference: Reference
    ) -> Float[np.ndarray, " c"]:
        """Lesions, and how many of them are found."""
        height, width = reference.mask.shape
        predicted = marks(geometry.back(saliency, (height, width)), self.binarize)
        if predicted is None:
            return np.full(2, np.nan)
        marked = boxes_around(reference.lesions())
        found = overlaps(predicted.boxes, marked, self.over).max(axis=0, initial=0)
        return np.array([len(marked), (found > self.threshold).sum()], float)
