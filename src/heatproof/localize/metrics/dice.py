"""Dice coefficient: twice the pixels that both masks cover, over the sum of what each covers.

``2 |P and R| / (|P| + |R|)`` (Dice, Ecology 1945, https://doi.org/10.2307/1932409) of the binarized
map P and the reference R at the size of the radiograph: ``2 IoU / (1 + IoU)``.  Undefined as IoU
is, by the same table of empty masks (``iou.py``).
"""

from dataclasses import dataclass, field
from typing import ClassVar

from heatproof.localize import metrics
from heatproof.localize.metrics.iou import Empty, RateOfTwoMasks
from heatproof.localize.overlap import Overlap, ratio
from heatproof.maps.binarize import Binarizer, Otsu, binarizers


@metrics.register("dice")
@dataclass(frozen=True)
class Dice(RateOfTwoMasks):
    """Pixels that both the map and the reader mark, counted twice, as a share of what the two mark
    together.

    The binarized map is compared with the reference mask.

    Attributes:
        binarize: How the map becomes a mask.
        empty: What an empty mask means, see ``iou.py``.
    """

    title: ClassVar[str] = "Dice"
    chance: ClassVar[float | None] = None
    binarize: Binarizer = field(default=Otsu(), metadata={"registry": binarizers})
    empty: Empty = "reference_positive"

    def rate(self, counts: Overlap) -> float:
        """``nan`` where both masks are empty."""
        return ratio(2 * counts.shared, counts.predicted + counts.marked)
