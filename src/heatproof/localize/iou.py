"""Intersection over union: do the map's mask and the reader's mask cover the same pixels?

``|P and R| / |P or R|`` of the binarized map P and the reference R at the size of the radiograph.
Undefined (``nan``) where the map cannot be binarized; which empty masks are undefined too depends
on what the mean is taken over (Saporta et al. 2022, https://doi.org/10.1038/s42256-022-00536-x):

====================== ========= ========= ==========
``empty``              P empty   R empty   both empty
====================== ========= ========= ==========
``reference_positive`` 0         nan       nan
``full``               0         0         nan
``true_positive``      nan       nan       nan
====================== ========= ========= ==========
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Bool, Float

from heatproof.localize import metrics
from heatproof.maps.binarize import Binarizer, Otsu, binarizers

_UNDEFINED = {
    "reference_positive": "nothing is marked",
    "full": "neither map nor reader marks anything",
    "true_positive": "the map or the reader marks nothing",
}


@metrics.register("iou")
@dataclass(frozen=True)
class IoU:
    """Pixels that both the map and the reader mark, as a share of those that either marks.

    The binarized map is compared with the reference mask.

    Attributes:
        binarize: How the map becomes a mask.
        empty: What an empty mask means, see the table above.
    """

    title: ClassVar[str] = "IoU"
    chance: ClassVar[float | None] = None
    binarize: Binarizer = field(default=Otsu(), metadata={"registry": binarizers})
    empty: Literal["reference_positive", "full", "true_positive"] = "reference_positive"

    @property
    def undefined(self) -> str:
        """Depends on what the mean is taken over."""
        return f"{_UNDEFINED[self.empty]}, or the map is constant or not finite"

    def __call__(self, saliency: Float[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]) -> float:
        """Between 0 (disjoint) and 1 (equal); ``nan`` where undefined."""
        marked = int(np.count_nonzero(mask))
        if marked == 0 and self.empty != "full":
            return float("nan")
        predicted = self.binarize(saliency)
        if predicted is None:
            return float("nan")
        pixels = int(np.count_nonzero(predicted))
        if pixels == 0 and (marked == 0 or self.empty == "true_positive"):
            return float("nan")
        shared = int(np.count_nonzero(predicted & mask))
        return shared / (pixels + marked - shared)
