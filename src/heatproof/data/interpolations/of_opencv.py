"""OpenCV's ``resize``: what albumentations does, and most code that reads films by ``cv2.imread``.

No kernel but ``area`` smooths before it shrinks, so that fine structures alias.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import cv2
import numpy as np
from jaxtyping import Float

from heatproof.data.interpolations import Bits, interpolations, read, stored

_FLAGS = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "lanczos4": cv2.INTER_LANCZOS4,
}


@interpolations.register("opencv")
@dataclass(frozen=True)
class OpenCV:
    """OpenCV's, as albumentations calls it.

    Attributes:
        mode: Kernel.
        bits: What the film is rounded to first; 32 for floats.
    """

    usual: ClassVar[tuple[str, ...]] = ("opencv", "opencv(mode='area')", "opencv(mode='cubic')")
    mode: Literal["nearest", "linear", "cubic", "area", "lanczos4"] = "linear"
    bits: Bits = 8

    def __call__(
        self, image: Float[np.ndarray, "h w"], size: tuple[int, int]
    ) -> Float[np.ndarray, "y x"]:
        """The image at that height and width."""
        film = stored(image, self.bits)
        return read(cv2.resize(film, size[::-1], interpolation=_FLAGS[self.mode]))
