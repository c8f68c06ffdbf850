"""Multi-scale SSIM.  Wang, Simoncelli & Bovik, 2003, https://doi.org/10.1109/ACSSC.2003.1292216.

    MS = product over the first four scales of c_i^w_i, times S_5^w_5,
    w = .0448, .2856, .3001, .2363, .1333,

with S_i the SSIM of scale i, c_i its contrast and structure alone, and each scale the mean over
2 x 2 pixels of the scale before (a last row or column without a partner is left out).  As is usual,
a mean below 0 counts as 0, since a power of a negative number is not defined.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from heatproof.trust.similarity import similarities
from heatproof.trust.similarity.ssim import Window, check_range, structure

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


@similarities.register("multi_scale_ssim")
@dataclass(frozen=True)
class MultiScaleSSIM:
    """SSIM of five scales, each half as fine as the one before: between 0 and 1.

    Attributes:
        window: ``gaussian`` (11 x 11, the paper), or ``uniform`` (7 x 7).
        data_range: The range that values may take.
    """

    window: Window = "gaussian"
    data_range: float = 1.0
    title: ClassVar[str] = "Multi-scale SSIM"
    undefined: ClassVar[str] = "a map is constant, or its coarsest scale smaller than the window"
    span: ClassVar[tuple[float, float]] = (0.0, 1.0)
    itself: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        check_range(self.data_range)

    def __call__(
        self, one: Float[np.ndarray, "n y x"], other: Float[np.ndarray, "n y x"]
    ) -> Float[np.ndarray, " n"]:
        """The product over scales."""
        product = np.ones(len(one))
        for scale, weight in enumerate(WEIGHTS, start=1):
            whole, contrast = structure(one, other, self.window, self.data_range)
            factor = whole if scale == len(WEIGHTS) else contrast
            # `np.maximum` keeps nan, so a scale below the window leaves the product undefined.
            product *= np.maximum(factor, 0) ** weight
            one, other = _halved(one), _halved(other)
        return product


def _halved(maps: Float[np.ndarray, "n y x"]) -> Float[np.ndarray, "n v u"]:
    height, width = maps.shape[1] // 2, maps.shape[2] // 2
    blocks = maps[:, : 2 * height, : 2 * width].reshape(len(maps), height, 2, width, 2)
    coarse: np.ndarray = blocks.mean(axis=(2, 4))
    return coarse
