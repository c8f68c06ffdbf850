"""z-score: (x - mean) / standard deviation of the image itself.

MONAI's ``NormalizeIntensity`` and nnU-Net.  An image of one value becomes 0.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from heatproof.data.intensities import intensities


@intensities.register("z_score")
@dataclass(frozen=True)
class ZScore:
    """Mean 0 and standard deviation 1.

    Attributes:
        nonzero: Let pixels of exactly 0 stay 0 and count for nothing, as behind padding.
    """

    nonzero: bool = False

    def __call__(self, image: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
        """The image in its own standard deviations."""
        counted = image != 0 if self.nonzero else np.ones(image.shape, bool)
        values = image[counted].astype(np.float64)
        scored = np.zeros(image.shape, np.float32)
        if values.size:
            scored[counted] = (values - values.mean()) / (values.std() or 1.0)
        return scored
