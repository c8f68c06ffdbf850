"""Sensitivity, specificity and precision of pixels, map by map.

The pixels of one film are the cases, those that the reader marked the positive ones, and those that
the binarized map marks the ones called.  Their means give every film the same weight;
``pooled`` counts all pixels of all films together.  Where a lesion is small, specificity
is near 1 whatever the map shows.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from heatproof.localize import metrics
from heatproof.localize.overlap import Overlap, RateOfMap, ratio
from heatproof.maps.binarize import Binarizer, Otsu, binarizers

_MAP = "the map is constant or not finite"


@metrics.register("pixel_sensitivity")
@dataclass(frozen=True)
class PixelSensitivity(RateOfMap):
    """Share of the marked pixels that the binarized map marks too.

    Attributes:
        binarize: How the map becomes a mask.
    """

    title: ClassVar[str] = "Pixel sensitivity"
    undefined: ClassVar[str] = f"nothing is marked, or {_MAP}"
    chance: ClassVar[float | None] = None
    binarize: Binarizer = field(default=Otsu(), metadata={"registry": binarizers})

    def rate(self, counts: Overlap) -> float:
        """``nan`` where nothing is marked."""
        return ratio(counts.shared, counts.marked)


@metrics.register("pixel_specificity")
@dataclass(frozen=True)
class PixelSpecificity(RateOfMap):
    """Share of the pixels that nobody marked that the binarized map leaves out too.

    Attributes:
        binarize: How the map becomes a mask.
    """

    title: ClassVar[str] = "Pixel specificity"
    undefined: ClassVar[str] = f"everything is marked, or {_MAP}"
    chance: ClassVar[float | None] = None
    binarize: Binarizer = field(default=Otsu(), metadata={"registry": binarizers})

    def rate(self, counts: Overlap) -> float:
        """``nan`` where everything is marked."""
        return ratio(counts.pixels - counts.union, counts.pixels - counts.marked)


@metrics.register("pixel_precision")
@dataclass(frozen=True)
class PixelPrecision(RateOfMap):
    """Share of the pixels that the binarized map marks that the reader marked.

    Attributes:
        binarize: How the map becomes a mask.
    """

    title: ClassVar[str] = "Pixel precision"
    undefined: ClassVar[str] = f"nothing is marked, by the reader or by the map, or {_MAP}"
    chance: ClassVar[float | None] = None
    binarize: Binarizer = field(default=Otsu(), metadata={"registry": binarizers})

    def is_defined(self, counts: Overlap) -> bool:
        """Where nothing is marked, precision would be 0 whatever the map shows."""
        return counts.marked > 0

    def rate(self, counts: Overlap) -> float:
        """``nan`` where the map marks nothing."""
        return ratio(counts.shared, counts.predicted)
