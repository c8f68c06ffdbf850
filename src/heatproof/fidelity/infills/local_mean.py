"""Local mean: a region gets the mean of a ring around it, flat."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float

from heatproof.fidelity.infills import Normal, infills, ring


@infills.register("local_mean")
@dataclass(frozen=True)
class LocalMean:
    """The mean of a ring around the region, in each channel."""

    title: ClassVar[str] = "Local mean"
    needs_normal: ClassVar[bool] = False

    def __call__(
        self, image: Float[np.ndarray, "c h w"], region: Bool[np.ndarray, "h w"], _normal: Normal
    ) -> Float[np.ndarray, "c h w"]:
        """The input with the region replaced."""
        filled, around = image.copy(), ring(region)
        filled[:, region] = image[:, around].mean(axis=1, keepdims=True)
        return filled
