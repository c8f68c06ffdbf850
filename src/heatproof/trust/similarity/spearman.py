"""Spearman's rank correlation of the pixels of two maps; pixels that tie share their mean rank.

Adebayo et al., NeurIPS 2018, https://arxiv.org/abs/1810.03292, take it of signed values and of
magnitudes: a map that only changed its sign is the same by the second and not by the first.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from heatproof.trust.similarity import similarities
from heatproof.trust.similarity.pearson import correlation


@similarities.register("spearman")
@dataclass(frozen=True)
class Spearman:
    """How well one map orders the pixels as the other does: between -1 and 1.

    Attributes:
        absolute: Rank magnitudes.  Compare maps as they are then (``normalize = "none"``): scaled
            to [0, 1] they have no sign left.
    """

    absolute: bool = False
    title: ClassVar[str] = "Spearman correlation"
    undefined: ClassVar[str] = "a map is constant"
    span: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    itself: ClassVar[float] = 1.0

    def __call__(
        self, one: Float[np.ndarray, "n y x"], other: Float[np.ndarray, "n y x"]
    ) -> Float[np.ndarray, " n"]:
        """The correlation of ranks."""
        return correlation(self._ranks(one), self._ranks(other))

    def _ranks(self, maps: Float[np.ndarray, "n y x"]) -> Float[np.ndarray, "n p"]:
        flat = maps.reshape(len(maps), -1)
        ranks: np.ndarray = rankdata(np.abs(flat) if self.absolute else flat, axis=1)
        return ranks
