"""Invert: 1 - x, for networks that were trained on films whose bones are dark."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from heatproof.data.intensities import intensities


@intensities.register("invert")
@dataclass(frozen=True)
class Invert:
    """Black becomes white."""

    fixed: ClassVar[bool] = True

    def __call__(self, image: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
        """The image, inverted."""
        return (1 - image).astype(np.float32)
