"""Pixel error: the share of pixels that one map marks and the other does not.

An error: 0 for equal masks.  Of small masks it is near 0 whatever they mark (Venkatesh et al. 2024
let a method pass below 0.5), so read it beside the IoU.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from heatproof.maps.binarize import Binarizer, Otsu, binarizers
from heatproof.trust.similarity import similarities
from heatproof.trust.similarity.iou import both_masks


@similarities.register("pixel_error")
@dataclass(frozen=True)
class PixelErrorOfMaps:
    """The share of pixels that two maps' masks disagree on: between 0 and 1, less is more alike.

    Attributes:
        binarize: Makes a mask of each map.
    """

    binarize: Binarizer = field(default=Otsu(), metadata={"registry": binarizers})
    title: ClassVar[str] = "Pixel error of binarized maps"
    undefined: ClassVar[str] = "a map is constant"
    span: ClassVar[tuple[float, float]] = (0.0, 1.0)
    itself: ClassVar[float] = 0.0

    def __call__(
        self, one: Float[np.ndarray, "n y x"], other: Float[np.ndarray, "n y x"]
    ) -> Float[np.ndarray, " n"]:
        """The share."""
        masks = (both_masks(self.binarize, *pair) for pair in zip(one, other, strict=True))
        errors = [float("nan") if m is None else float((m[0] ^ m[1]).mean()) for m in masks]
        return np.array(errors, float)
