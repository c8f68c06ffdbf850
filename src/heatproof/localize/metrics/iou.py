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

``full`` also measures films without the finding, where whatever a map marks is wrong.  Whether the
model calls a film is another question: ``miou`` asks it.
"""

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from heatproof.localize import metrics
from heatproof.localize.overlap import Overlap, RateOfMap, ratio
from heatproof.maps.binarize import Binarizer, Otsu, binarizers

Empty = Literal["reference_positive", "full", "true_positive"]
UNDEFINED = {
    "reference_positive": "nothing is marked",
    "full": "neither map nor reader marks anything",
    "true_positive": "the map or the reader marks nothing",
}


class RateOfTwoMasks(RateOfMap):
    """A ratio of counts whose value on empty masks is that of the table above."""

    @property
    @abstractmethod
    def empty(self) -> Empty:
        """What an empty mask means."""

    @property
    def undefined(self) -> str:
        """Depends on what the mean is taken over."""
        return f"{UNDEFINED[self.empty]}, or the map is constant or not finite"

    @property
    def sees_negatives(self) -> bool:
        """Whether films without the finding count."""
        return self.empty == "full"

    def is_defined(self, counts: Overlap) -> bool:
        """Whether the table gives these masks a value."""
        if counts.union == 0 or (self.empty != "full" and counts.marked == 0):
            return False
        return self.empty != "true_positive" or counts.predicted > 0


@metrics.register("iou")
@dataclass(frozen=True)
class IoU(RateOfTwoMasks):
    """Pixels that both the map and the reader mark, as a share of those that either marks.

    The binarized map is compared with the reference mask.

    Attributes:
        binarize: How the map becomes a mask.
        empty: What an empty mask means, see the table above.
    """

    title: ClassVar[str] = "IoU"
    chance: ClassVar[float | None] = None
    binarize: Binarizer = field(default=Otsu(), metadata={"registry": binarizers})
    empty: Empty = "reference_positive"

    def rate(self, counts: Overlap) -> float:
        """``nan`` where both masks are empty."""
        return ratio(counts.shared, counts.union)
