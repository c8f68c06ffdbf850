"""What a reader marked, measured as a map is: the human benchmark beside the methods.

A reading has no height, so it needs no binarizer: the pixels that it shares with the reference mask
are counted as those of a binarized map are, and its most representative points stand for the peak.
A reader looked at every film of the data set; where he drew nothing, his mask is empty, and where
he named no point, he missed.  What asks for heights, such as AUPRC, cannot tell of a reading.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool

from heatproof.data.geometry.enlarging import Enlargement


@dataclass(frozen=True)
class Reading:
    """One reader, one finding, one film.

    Attributes:
        mask: Every pixel of what was drawn; None where this reader draws no regions at all.
        points: Row and column of each most representative point; None where this reader names none
            on any film.
    """

    mask: Bool[np.ndarray, "h w"] | None
    points: tuple[tuple[int, int], ...] | None


@runtime_checkable
class Pointing(Protocol):
    """A metric of where a map points, or a reader."""

    def pointed(self, shown: Enlargement) -> Sequence[tuple[int, int]] | None:
        """Where a map points; ``None`` where it does not."""
        ...

    def of_points(
        self, points: Sequence[tuple[int, int]] | None, mask: Bool[np.ndarray, "h w"]
    ) -> float:
        """What it makes of rows and columns; ``nan`` of None."""
        ...
