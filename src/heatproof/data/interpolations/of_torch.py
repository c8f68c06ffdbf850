"""PyTorch's ``interpolate``: what torchvision does to tensors, MONAI, and heatproof by default.

Half-pixel centres (``align_corners=False``).  ``antialias`` smooths before it shrinks, as
torchvision does by default since 0.17; earlier versions, and a bare ``interpolate``, do not.  MONAI
resizes with ``mode="area"``, the mean of what a pixel covers.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float, UInt8

from heatproof.data.interpolations import Bits, interpolations, read, stored
from heatproof.errors import SpecError

_SMOOTHED = ("bilinear", "bicubic")
_OF_BYTES = ("bilinear", "bicubic", "nearest", "nearest-exact")


@interpolations.register("torch")
@dataclass(frozen=True)
class Torch:
    """PyTorch's, as torchvision and MONAI call it.

    Attributes:
        mode: Kernel; ``area`` and the nearest pixel know no antialias.
        antialias: Smooth before shrinking.
        bits: 8 for tensors of bytes, which torchvision rounds back to; 32 for floats.
    """

    usual: ClassVar[tuple[str, ...]] = (
        "torch",
        "torch(antialias=False)",
        "torch(mode='bicubic')",
        "torch(mode='area')",
        "torch(mode='nearest')",
        "torch(mode='bicubic', antialias=False)",
    )
    mode: Literal["bilinear", "bicubic", "area", "nearest", "nearest-exact"] = "bilinear"
    antialias: bool = True
    bits: Bits = 32

    def __post_init__(self) -> None:
        if self.bits == 16:  # noqa: PLR2004
            raise SpecError("torch(bits=16): PyTorch resizes bytes and floats; expected 8 or 32")
        if self.bits == 8 and self.mode not in _OF_BYTES:  # noqa: PLR2004
            raise SpecError(f"torch(mode={self.mode!r}, bits=8): not for bytes; expected bits=32")

    def __call__(
        self, image: Float[np.ndarray, "h w"], size: tuple[int, int]
    ) -> Float[np.ndarray, "y x"]:
        """The image at that height and width."""
        import torch  # here: runs are listed and read without it, in a second
        from torch.nn.functional import interpolate

        values = stored(image, self.bits)[None]
        if self.bits == 8:  # noqa: PLR2004
            return read(self._of_bytes(values, size)[0])
        options = {"antialias": self.antialias} if self.mode in _SMOOTHED else {}
        resized: np.ndarray = interpolate(
            torch.from_numpy(values)[None], size, mode=self.mode, **options
        )[0, 0].numpy()
        return resized

    def _of_bytes(
        self, values: UInt8[np.ndarray, "c h w"], size: tuple[int, int]
    ) -> UInt8[np.ndarray, "c y x"]:
        """PyTorch has another cubic kernel for bytes, so that torchvision itself resizes them."""
        import torch

        # Here, since it takes half a second that runs without such a geometry need not wait for.
        from torchvision.transforms.v2 import InterpolationMode
        from torchvision.transforms.v2.functional import resize

        mode = InterpolationMode(self.mode)
        resized: np.ndarray = resize(
            torch.from_numpy(values), list(size), mode, antialias=self.antialias
        ).numpy()
        return resized
