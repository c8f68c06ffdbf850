"""min-max: the darkest pixel of the image becomes 0, the brightest 1.

MONAI's ``ScaleIntensity`` and albumentations' ``min_max``.  An image of one value becomes 0.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from heatproof.data.intensities import intensities


@intensities.register("min_max")
@dataclass(frozen=True)
class MinMax:
    """From 0 to 1 on every image."""

    def __call__(self, image: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
        """The image over its own range."""
        low, high = float(image.min()), float(image.max())
        return ((image - low) / ((high - low) or 1.0)).astype(np.float32)
