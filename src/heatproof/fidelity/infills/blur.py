"""Blur: a region is blurred until nothing smaller than itself is left."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import gaussian_filter

from heatproof.fidelity.infills import Normal, infills


@infills.register("blur")
@dataclass(frozen=True)
class Blur:
    """A Gaussian blur whose standard deviation is the radius of a disc as large as the region."""

    title: ClassVar[str] = "Blur"
    needs_normal: ClassVar[bool] = False

    def __call__(
        self, image: Float[np.ndarray, "c h w"], region: Bool[np.ndarray, "h w"], _normal: Normal
    ) -> Float[np.ndarray, "c h w"]:
        """The input with the region replaced."""
        # Radius of a disc of that area.
        width = max(1.0, float(np.sqrt(np.count_nonzero(region) / np.pi)))
        blurred = np.stack([gaussian_filter(channel, width) for channel in image])
        return np.where(region, blurred, image)
