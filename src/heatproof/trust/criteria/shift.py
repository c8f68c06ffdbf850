"""Shift equivariance: does the map move with the film?

The film is moved by a share of its side, what comes in repeats its edge; maps are compared over
what is on both films, moved back by whole pixels of the frame.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from heatproof.errors import SpecError
from heatproof.trust.criteria import Aligned, MapStack, criteria


@criteria.register("shift")
@dataclass(frozen=True)
class Shift:
    """The film as it is, and moved to the right and down.

    Attributes:
        share: How far it is moved, as a share of the width or of the height.
    """

    share: float = 0.0625
    title: ClassVar[str] = "Shift equivariance"
    question: ClassVar[str] = "Does it follow a shifted film?"
    explains: ClassVar[str] = (
        "The map of the shifted film, shifted back, is far more like the map of the film than "
        "maps of different films are."
    )
    levels: ClassVar[tuple[str, ...]] = ("right", "down")

    def __post_init__(self) -> None:
        if not 0 < self.share <= 0.5:  # noqa: PLR2004
            raise SpecError(f"share={self.share}; expected above 0, at most 0.5")

    def changed(self, film: Float[np.ndarray, "h w"], level: str) -> Float[np.ndarray, "h w"]:
        """The film, moved; its edge is repeated where it left."""
        axis = self.levels.index(level)  # 0 to the right, 1 down
        by = self._pixels(film.shape[1 - axis])
        edges = ((by, 0), (0, 0)) if axis else ((0, 0), (by, 0))
        padded = np.pad(film, edges, mode="edge")
        return padded[: film.shape[0], : film.shape[1]]

    def aligned(self, before: MapStack, after: MapStack, level: str) -> Aligned:
        """The parts of both maps that are on both films."""
        axis = self.levels.index(level)
        by = self._pixels(before.shape[2 - axis])
        if axis:
            return before[:, :-by], after[:, by:]
        return before[:, :, :-by], after[:, :, by:]

    def _pixels(self, side: int) -> int:
        # A shift of 0 pixels would leave nothing to compare, since `[:-0]` is empty.
        return max(1, round(self.share * side))
