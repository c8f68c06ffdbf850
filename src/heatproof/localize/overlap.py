"""The four counts of pixels behind every comparison of two masks.

IoU, Dice and the pixel rates are ratios of these; ``pooled`` sums them over films first.  Otsu's
threshold and fixed ones are counted together, in one pass over the map (``levels``), so that many
metrics of one map cost little more than one.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

from heatproof.data.enlarging import Enlargement
from heatproof.data.geometry import Geometry
from heatproof.localize.levels import counts_above
from heatproof.maps.binarize import Binarizer, Fixed, Otsu


@dataclass(frozen=True)
class Overlap:
    """A predicted mask P and a reference R, counted in pixels.

    Attributes:
        shared: In both.
        predicted: In P.
        marked: In R.
        pixels: Of the image.
    """

    shared: int
    predicted: int
    marked: int
    pixels: int

    @property
    def union(self) -> int:
        """In either."""
        return self.predicted + self.marked - self.shared


@runtime_checkable
class Rate(Protocol):
    """A metric that is a ratio of these counts."""

    @property
    def title(self) -> str:
        """Its name, for people."""
        ...

    @property
    def binarize(self) -> Binarizer:
        """How a map becomes a mask."""
        ...

    def rate(self, counts: Overlap) -> float:
        """The ratio; ``nan`` where it divides by nothing."""
        ...


@runtime_checkable
class CountsPixels(Protocol):
    """A metric that needs nothing of a map but its counts, so that one pass serves several."""

    @property
    def binarize(self) -> Binarizer:
        """How a map becomes a mask."""
        ...

    def of_counts(self, counts: Overlap | None) -> float | Float[np.ndarray, " c"]:
        """What it makes of a map: a number, or of data sets what it sees of the map.

        Args:
            counts: ``None`` where the map cannot be binarized.
        """
        ...


class RateOfMap(ABC):
    """A metric of maps that is one ratio of these counts, between 0 and 1."""

    @property
    @abstractmethod
    def binarize(self) -> Binarizer:
        """How a map becomes a mask."""

    @abstractmethod
    def rate(self, counts: Overlap) -> float:
        """The ratio; ``nan`` where it divides by nothing."""

    def is_defined(self, counts: Overlap) -> bool:  # noqa: ARG002  the metrics that narrow it ask
        """Whether the metric takes the ratio of these masks; most metrics take any."""
        return True

    def __call__(self, saliency: Float[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]) -> float:
        """Between 0 and 1; ``nan`` where undefined."""
        return self.of_counts(overlap(saliency, mask, self.binarize))

    def of_counts(self, counts: Overlap | None) -> float:
        """The same, of pixels that were counted; ``nan`` where the map cannot be binarized."""
        if counts is None or not self.is_defined(counts):
            return float("nan")
        return self.rate(counts)


def overlap(
    saliency: Float[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"], binarize: Binarizer
) -> Overlap | None:
    """The counts of a binarized map; ``None`` where the map cannot be binarized."""
    return overlaps(Enlargement.whole(saliency), mask, [binarize])[binarize]


def overlap_of_map(
    saliency: Float[np.ndarray, "y x"],
    geometry: Geometry,
    mask: Bool[np.ndarray, "h w"],
    binarize: Binarizer,
) -> Overlap | None:
    """The same of a map at the method's own resolution, which the geometry lays over the film."""
    height, width = mask.shape
    return overlap(geometry.back(saliency, (height, width)), mask, binarize)


def overlaps(
    shown: Enlargement, mask: Bool[np.ndarray, "h w"], binarizers: Iterable[Binarizer]
) -> dict[Binarizer, Overlap | None]:
    """The counts of a map by each binarizer; ``None`` where the map cannot be binarized."""
    wanted = dict.fromkeys(binarizers)
    together = [one for one in wanted if one == Otsu() or isinstance(one, Fixed)]
    found: dict[Binarizer, Overlap | None] = dict.fromkeys(together)
    if together and shown.limits is not None:
        cuts = [one.threshold for one in together if isinstance(one, Fixed)]
        marked = int(np.count_nonzero(mask))
        otsu, fixed = counts_above(shown, mask, cuts)
        for one in together:
            counts = fixed[one.threshold] if isinstance(one, Fixed) else otsu
            found[one] = Overlap(counts.shared, counts.above, marked, mask.size)
    for other in wanted.keys() - found.keys():
        predicted = other(shown.pixels)
        found[other] = None if predicted is None else of_masks(predicted, mask)
    return {one: found[one] for one in wanted}


def of_masks(predicted: Bool[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]) -> Overlap:
    """The counts of two masks."""
    found, marked = int(np.count_nonzero(predicted)), int(np.count_nonzero(mask))
    shared = int(np.count_nonzero(predicted & mask)) if found and marked else 0
    return Overlap(shared, found, marked, mask.size)


def ratio(part: int, whole: int) -> float:
    """``nan`` where the whole is nothing."""
    return part / whole if whole else float("nan")
