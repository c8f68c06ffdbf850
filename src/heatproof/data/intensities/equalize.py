"""Histogram equalization, of bytes: by OpenCV's ``equalizeHist`` or Pillow's ``ImageOps.equalize``.

The two round differently.  torchvision's and torchvision-like pipelines call Pillow's,
albumentations calls either (``mode="cv"`` or ``"pil"``).
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float
from PIL import Image, ImageOps

from heatproof.data.intensities import intensities
from heatproof.data.interpolations import read, stored


@intensities.register("equalize")
@dataclass(frozen=True)
class Equalize:
    """Histogram equalization.

    Attributes:
        library: Whose.
    """

    library: Literal["opencv", "pillow"] = "opencv"

    def __call__(self, image: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
        """The image with its histogram flattened."""
        film = stored(image, 8)
        if self.library == "opencv":
            return read(cv2.equalizeHist(film))
        return read(np.asarray(ImageOps.equalize(Image.fromarray(film))))
