"""Dice coefficient: twice the pixels that both masks cover, over the sum of what each covers.

``2 |P and R| / (|P| + |R|)`` (Dice, Ecology 1945, https://doi.org/10.2307/1932409) of the binarized
map P and the reference R at the size of the radiograph: ``2 IoU / (1 + IoU)``.  Undefined as IoU
is, by the same table of empty masks (``iou.py``).
"""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float

from heatproof.localize import metrics
from heatproof.localize.metrics.iou import UNDEFINED, Empty, admitted
from heatproof.localize.overlap import Overlap, overlap, ratio
from heatproof.maps.binarize import Binarizer, Otsu, binarizers


@metrics.register("dice")
@dataclass(frozen=True)
class Dice:
    """Pixels that both the map and the reader mark, counted twice, as a share of what the two mark
    together.

    The binarized map is compared with the reference mask.

    Attributes:
        binarize: How the map becomes a mask.
        empty: What an empty mask means, see ``iou.py``.
    """

    title: ClassVar[str] = "Dice"
    chance: ClassVar[float | None] = None
    empty_is_zero: ClassVar[bool] = True
    regions_overlap: ClassVar[bool] = True
    binarize: Binarizer = field(default=Otsu(), metadata={"registry": binarizers})
    empty: Empty = "reference_positive"

    @property
    def undefined(self) -> str:
        """Depends on what the mean is taken over."""
        return f"{UNDEFINED[self.empty]}, or the map is constant or not finite"

    @property
    def sees_negatives(self) -> bool:
        """Whether films without the finding count."""
        return self.empty == "full"

    def __call__(self, saliency: Float[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]) -> float:
        """Between 0 (disjoint) and 1 (equal); ``nan`` where undefined."""
        return self.of_counts(overlap(saliency, mask, self.binarize))

    def of_counts(self, counts: Overlap | None) -> float:
        """The same, of pixels that were counted."""
        counts = admitted(counts, self.empty)
        return float("nan") if counts is None else self.rate(counts)

    def rate(self, counts: Overlap) -> float:
        """``nan`` where both masks are empty."""
        return ratio(2 * counts.shared, counts.predicted + counts.marked)
