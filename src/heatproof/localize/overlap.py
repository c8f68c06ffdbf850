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

from heatproof.data.geometry import Geometry
from heatproof.data.geometry.enlarging import Enlargement
from heatproof.localize.levels import counts_above
from heatproof.maps.binarize import Binarizer, Fixed, Otsu


@dataclass(frozen=True)
class Overlap:
    """A predicted mask P and a reference R, counted in pixels.

    Attributes:
        shared: Pixels in both masks.
        predicted: Pixels in P.
        marked: Pixels in R.
        pixels: Pixels of the film.
    """

    shared: int
    predicted: int
    marked: int
    pixels: int

    @property
    def union(self) -> int:
        """Pixels in P or R or both."""
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
        """The ratio of these counts; ``nan`` where it is undefined, or for None."""
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
    """The counts of a map at the method's own resolution, which is laid over the film first."""
    height, width = mask.shape
    return overlap(geometry.back(saliency, (height, width)), mask, binarize)


def overlaps(
    shown: Enlargement, mask: Bool[np.ndarray, "h w"], binarizers: Iterable[Binarizer]
) -> dict[Binarizer, Overlap | None]:
    """The counts of a map by each binarizer; ``None`` where the map cannot be binarized."""
    wanted = dict.fromkeys(binarizers)
    together = [
        binarizer for binarizer in wanted if binarizer == Otsu() or isinstance(binarizer, Fixed)
    ]
    counted: dict[Binarizer, Overlap | None] = dict.fromkeys(together)
    if together and shown.limits is not None:
        cuts = [binarizer.threshold for binarizer in together if isinstance(binarizer, Fixed)]
        marked = int(np.count_nonzero(mask))
        # One pass counts Otsu's and all fixed thresholds; other binarizers need the whole map.
        otsu, fixed = counts_above(shown, mask, cuts)
        for binarizer in together:
            counts = fixed[binarizer.threshold] if isinstance(binarizer, Fixed) else otsu
            counted[binarizer] = Overlap(counts.shared, counts.above, marked, mask.size)
    for other in wanted.keys() - counted.keys():
        mask_of_map = other(shown.pixels)
        counted[other] = None if mask_of_map is None else of_masks(mask_of_map, mask)
    # The difference of two sets has no order, so results are put in the order asked for.
    return {binarizer: counted[binarizer] for binarizer in wanted}


def of_masks(predicted: Bool[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]) -> Overlap:
    """The counts of two masks."""
    called, marked = int(np.count_nonzero(predicted)), int(np.count_nonzero(mask))
    # Masks of which one is empty share nothing, which saves a pass over a large film.
    shared = int(np.count_nonzero(predicted & mask)) if called and marked else 0
    return Overlap(shared, called, marked, mask.size)


def ratio(part: int, whole: int) -> float:
    """The part as a share of the whole; ``nan`` where the whole is 0."""
    return part / whole if whole else float("nan")
