"""Percentiles: two percentiles of the image become 0 and 1.

MONAI's ``ScaleIntensityRangePercentiles(lower, upper, 0, 1, clip=True)``.  An image whose two
percentiles are equal becomes 0.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from heatproof.data.intensities import intensities
from heatproof.errors import SpecError


@intensities.register("percentiles")
@dataclass(frozen=True)
class Percentiles:
    """From 0 to 1 between two percentiles of every image.

    Attributes:
        low: Percentile that becomes 0.
        high: Percentile that becomes 1.
        clip: Whether what lies beyond is cut.
    """

    low: float = 1.0
    high: float = 99.0
    clip: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 100:  # noqa: PLR2004
            raise SpecError(
                f"percentiles(low={self.low:g}, high={self.high:g}); expected 0 <= low < high <="
                " 100, such as low=1, high=99"
            )

    def __call__(self, image: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
        """The image between its percentiles."""
        low, high = np.percentile(image, (self.low, self.high))
        scaled: np.ndarray = ((image - low) / ((high - low) or 1.0)).astype(np.float32)
        return np.asarray(np.clip(scaled, 0, 1)) if self.clip else scaled
