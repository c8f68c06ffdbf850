"""Compression: does a map survive storing the film as a JPEG of 8 bits?"""

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from jaxtyping import Float

from heatproof.errors import SpecError
from heatproof.trust.criteria import Aligned, MapStack, criteria


@criteria.register("compression")
@dataclass(frozen=True)
class Compression:
    """The film as it is, and as baseline JPEG.

    Attributes:
        quality: Qualities of the JPEGs, from 1 to 100.
    """

    quality: tuple[int, ...] = (90, 50)
    title: ClassVar[str] = "Compression"
    question: ClassVar[str] = "Does it survive compression?"
    explains: ClassVar[str] = (
        "The map of the film after JPEG compression is far more like the map of the film than "
        "maps of different films are."
    )

    def __post_init__(self) -> None:
        if not self.quality or not all(1 <= quality <= 100 for quality in self.quality):  # noqa: PLR2004
            raise SpecError(f"quality={self.quality}; expected numbers from 1 to 100, such as 90")

    @property
    def levels(self) -> tuple[str, ...]:
        """The qualities."""
        return tuple(str(quality) for quality in self.quality)

    def changed(self, film: Float[np.ndarray, "h w"], level: str) -> Float[np.ndarray, "h w"]:
        """The film, written as JPEG of that quality and read again."""
        # `astype` alone cuts decimals off, which would darken the film.
        pixels = np.round(film * 255).astype(np.uint8)
        _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(level)])
        read = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
        return np.asarray(read, np.float32) / np.float32(255)

    def aligned(self, before: MapStack, after: MapStack, level: str) -> Aligned:  # noqa: ARG002
        """The maps as they are: nothing has moved."""
        return before, after
