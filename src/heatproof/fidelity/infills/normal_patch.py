"""Normal patch: the same place of the film without the finding that looks most alike around it.

Of all films without the finding, that whose ring around the region is nearest (least squares, after
the mean of the ring is made equal) gives its pixels, shifted by that difference of means.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float

from heatproof.errors import SpecError
from heatproof.fidelity.infills import Normal, infills, ring


@infills.register("normal_patch")
@dataclass(frozen=True)
class NormalPatch:
    """The same place of another film, without the finding and alike around the region."""

    title: ClassVar[str] = "Nearest normal patch"
    needs_normal: ClassVar[bool] = True

    def __call__(
        self, image: Float[np.ndarray, "c h w"], region: Bool[np.ndarray, "h w"], normal: Normal
    ) -> Float[np.ndarray, "c h w"]:
        """The input with the region replaced."""
        if not normal:
            raise SpecError("normal_patch: there is no film without the finding to take it from")
        around = ring(region)
        own = image[:, around]
        best, shift, least = normal[0], np.zeros((len(image), 1, 1)), np.inf
        for other in normal:
            # The mean of each channel, so that another exposure is no difference.
            apart = own - other[:, around]
            error = float(((apart - apart.mean(axis=1, keepdims=True)) ** 2).sum())
            if error < least:
                best, shift, least = other, apart.mean(axis=1)[:, None, None], error
        return np.where(region, (best + shift).astype(image.dtype), image)
