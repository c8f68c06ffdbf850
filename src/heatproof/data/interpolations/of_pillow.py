"""Pillow's ``Image.resize``: what torchvision and timm do to images before they become tensors.

Its kernels widen when they shrink, so that they always smooth.  Films of 8 bits (modes ``L`` and
``RGB``) are rounded after each axis; films of 32 (mode ``F``) are not.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from PIL import Image

from heatproof.data.interpolations import Bits, interpolations, read, stored
from heatproof.errors import SpecError


@interpolations.register("pillow")
@dataclass(frozen=True)
class Pillow:
    """Pillow's, as torchvision and timm call it.

    Attributes:
        mode: Kernel.
        bits: 8 for ``L`` and ``RGB``, which films are rounded to first; 32 for ``F``.
    """

    usual: ClassVar[tuple[str, ...]] = (
        "pillow",
        "pillow(mode='bicubic')",
        "pillow(mode='lanczos')",
    )
    mode: Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"] = "bilinear"
    bits: Bits = 8

    def __post_init__(self) -> None:
        if self.bits == 16:  # noqa: PLR2004
            raise SpecError("pillow(bits=16): Pillow resizes bytes and floats; expected 8 or 32")

    def __call__(
        self, image: Float[np.ndarray, "h w"], size: tuple[int, int]
    ) -> Float[np.ndarray, "y x"]:
        """The image at that height and width."""
        film = Image.fromarray(stored(image, self.bits))
        kernel = Image.Resampling[self.mode.upper()]
        return read(np.asarray(film.resize(size[::-1], kernel)))
