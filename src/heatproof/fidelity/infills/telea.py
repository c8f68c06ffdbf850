"""Telea: a region is filled from its edge inwards, by fast marching.

Telea, J. Graphics Tools 2004, https://doi.org/10.1080/10867651.2004.10487596; OpenCV has it.
"""

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from jaxtyping import Bool, Float

from heatproof.fidelity.infills import Normal, infills

RADIUS = 3  # pixels around each that it is filled from
_LEVELS = 60_000  # from the darkest pixel to the brightest


@infills.register("telea")
@dataclass(frozen=True)
class Telea:
    """Filled from the edge inwards by weighted means of what is known."""

    title: ClassVar[str] = "Telea"
    needs_normal: ClassVar[bool] = False

    def __call__(
        self, image: Float[np.ndarray, "c h w"], region: Bool[np.ndarray, "h w"], _normal: Normal
    ) -> Float[np.ndarray, "c h w"]:
        """The input with the region replaced."""
        return painted(image, region, cv2.INPAINT_TELEA)


def painted(
    image: Float[np.ndarray, "c h w"], region: Bool[np.ndarray, "h w"], how: int
) -> Float[np.ndarray, "c h w"]:
    """The input with the region painted by OpenCV, channel by channel."""
    mask = region.astype(np.uint8)
    low, high = float(image.min()), float(image.max())
    scale = _LEVELS / (high - low) if high > low else 1.0
    # OpenCV adds a direction of length 1 and rounds to a whole number, which is little of many.
    levels = np.ascontiguousarray((image - low) * scale, np.float32)
    channels = [cv2.inpaint(channel, mask, RADIUS, how) / scale + low for channel in levels]
    painted_over = np.stack(channels).astype(image.dtype)
    return np.where(region, painted_over, image)
