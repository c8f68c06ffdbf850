"""Contrast-to-noise ratio: how far is the map inside the marked region above the map outside?

The mean inside minus the mean outside, over the root of the sum of both variances, as MS-CXR
reports grounding (Boecking et al., ECCV 2022, https://arxiv.org/abs/2204.09817).  There its
absolute value counts, so that a map that shows everything but the finding scores as high (``sign =
"absolute"``); here the sign stays unless told.  Unbounded, and independent of thresholds; 0 for a
map that does not know of the region.  Undefined where nothing is marked, or everything, and for a
map without noise: one value inside and one outside.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Bool, Float

from heatproof.localize import metrics
from heatproof.maps.binarize import value_range


@metrics.register("cnr")
@dataclass(frozen=True)
class CNR:
    """Difference of the mean of the map inside and outside, in units of its noise.

    Attributes:
        sign: Whether the difference keeps its sign, or its absolute value counts, as published.
    """

    title: ClassVar[str] = "Contrast-to-noise ratio"
    undefined: ClassVar[str] = (
        "nothing is marked, or everything, or the map is constant, or has one value inside and one"
        " outside, or is not finite"
    )
    chance: ClassVar[float | None] = None  # 0 with the sign; tests of chance are of shares
    unbounded: ClassVar[bool] = True
    sign: Literal["kept", "absolute"] = "kept"

    def __call__(self, saliency: Float[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]) -> float:
        """A ratio, of either sign; ``nan`` where undefined."""
        if value_range(saliency) is None or not mask.any() or mask.all():
            return float("nan")
        inside, outside = (saliency[chosen].astype(float) for chosen in (mask, ~mask))
        noise = np.sqrt(inside.var() + outside.var())
        if noise == 0:
            return float("nan")
        ratio = float((inside.mean() - outside.mean()) / noise)
        return abs(ratio) if self.sign == "absolute" else ratio
