"""CLAHE: contrast-limited adaptive histogram equalization, by OpenCV, on 8 or 16 bits.

Zuiderveld, Graphics Gems IV, 1994.  ``cv2.createCLAHE(clip, (tiles, tiles))`` of a grey film.
albumentations equalizes the lightness of three channels, which is 17 grey levels away: bring that
as a ``transform``.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float

from heatproof.data.intensities import intensities
from heatproof.data.interpolations import read, stored
from heatproof.errors import SpecError


@intensities.register("clahe")
@dataclass(frozen=True)
class Clahe:
    """Contrast-limited adaptive histogram equalization.

    Attributes:
        clip: OpenCV's ``clipLimit``.
        tiles: Tiles down and across.
        bits: What the film is rounded to first.
    """

    clip: float = 2.0
    tiles: int = 8
    bits: Literal[8, 16] = 8

    def __post_init__(self) -> None:
        if not (self.clip > 0 and self.tiles >= 1):
            raise SpecError(
                f"clahe(clip={self.clip:g}, tiles={self.tiles}); expected clip > 0 and at least"
                " one tile, such as clip=2.0, tiles=8"
            )

    def __call__(self, image: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
        """The image with its local histograms flattened."""
        equalizer = cv2.createCLAHE(self.clip, (self.tiles, self.tiles))
        return read(equalizer.apply(stored(image, self.bits)))
