"""Interpolation: how the pixels of a film at another size are made of its own.

Libraries differ, and a network notices: OpenCV does not smooth before it shrinks, Pillow does and
rounds to 8 bits, torchvision does either.  Each part is one library's own function, called as its
users call it, so that a network gets what its owner gave it.
"""

from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from heatproof.registry import Registry

Bits = Literal[8, 16, 32]
"""What a library is given: 8 or 16 bits, which it rounds to again, or floats of 32."""
_FLOAT = 32


@runtime_checkable
class Interpolation(Protocol):
    """Brings an image to another size.

    ``usual`` names the specs of it that people use, the most frequent first.
    """

    @property
    def usual(self) -> tuple[str, ...]:
        """These specs, a class variable."""
        ...

    def __call__(
        self, image: Float[np.ndarray, "h w"], size: tuple[int, int]
    ) -> Float[np.ndarray, "y x"]:
        """The image at that height and width, in float32; cubic kernels may leave [0, 1]."""
        ...


interpolations: Registry[Interpolation] = Registry(
    "interpolation", __name__, "heatproof.interpolations"
)


def stored(image: Float[np.ndarray, "h w"], bits: Bits) -> np.ndarray:
    """An image in [0, 1] as whole numbers of so many bits, or as float32 for 32."""
    if bits == _FLOAT:
        return np.ascontiguousarray(image, np.float32)
    kind = np.uint8 if bits == 8 else np.uint16  # noqa: PLR2004
    rounded: np.ndarray = np.rint(np.clip(image, 0, 1) * np.iinfo(kind).max).astype(kind)
    return rounded


def read(values: np.ndarray) -> Float[np.ndarray, "h w"]:
    """What ``stored`` wrote, in float32 again."""
    if values.dtype.kind == "f":
        return values.astype(np.float32, copy=False)
    return values.astype(np.float32) / np.float32(np.iinfo(values.dtype).max)
