"""HOG correlation: Pearson's correlation of two maps' histograms of oriented gradients.

Histograms as in Dalal & Triggs, CVPR 2005, by scikit-image: 9 orientations, cells of 16 x 16
pixels, blocks of 3 x 3 cells (L2-Hys); compared as Adebayo et al., NeurIPS 2018,
https://arxiv.org/abs/1810.03292, do.  It sees contours and their directions, and hardly where in a
cell they lie.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from skimage.feature import hog

from heatproof.errors import SpecError
from heatproof.trust.similarity import similarities
from heatproof.trust.similarity.pearson import correlation

CELLS = 3  # a side of a block


@similarities.register("hog")
@dataclass(frozen=True)
class HOG:
    """How alike the contours of two maps run: between -1 and 1.

    Attributes:
        cell: Side of a cell in pixels of the frame.
    """

    cell: int = 16
    title: ClassVar[str] = "HOG correlation"
    undefined: ClassVar[str] = "a map is constant, or smaller than 3 x 3 cells"
    span: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    itself: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        if self.cell < 1:
            raise SpecError(f"cell={self.cell}; expected pixels, such as 16")

    def __call__(
        self, one: Float[np.ndarray, "n y x"], other: Float[np.ndarray, "n y x"]
    ) -> Float[np.ndarray, " n"]:
        """The correlation of all histograms."""
        if min(one.shape[1:]) < CELLS * self.cell:
            return np.full(len(one), np.nan)
        return correlation(self._histograms(one), self._histograms(other))

    def _histograms(self, maps: Float[np.ndarray, "n y x"]) -> Float[np.ndarray, "n p"]:
        return np.stack([hog(m, pixels_per_cell=(self.cell, self.cell)) for m in maps])
