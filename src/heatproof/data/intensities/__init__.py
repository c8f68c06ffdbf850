"""Intensity transforms: what becomes of grey values, whatever their place.

Each takes an image in [0, 1], or what the one before it made.  Those of a fixed range know what
black and white become.  The others look at the image itself, so that the same grey value becomes
another one on another film: there black and white are the darkest and the brightest pixel of each
image.
"""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from heatproof.registry import Registry


@runtime_checkable
class Intensity(Protocol):
    """Changes the grey values of an image.

    One that changes every grey value alike on all films says ``fixed: ClassVar[bool] = True``.
    """

    def __call__(self, image: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
        """The image with other values, in float32."""
        ...


intensities: Registry[Intensity] = Registry(
    "intensity transform", __name__, "heatproof.intensities"
)


def is_fixed(intensity: Intensity) -> bool:
    """Whether a grey value becomes the same on every film."""
    return bool(getattr(intensity, "fixed", False))
