"""What stands in the place of a region that is taken away, one file each.

Each shows a region as it might look without the finding.  None is right, and each leaves traces of
its own: so several are asked, beside control regions in which the same was done.
"""

from collections.abc import Sequence
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import binary_dilation

from heatproof.registry import Registry

Normal = Sequence[Float[np.ndarray, "c h w"]]
"""Inputs of films without the finding."""
_RING = 20  # width of a ring around a region: that share of the shorter side of the image


@runtime_checkable
class RegionInfill(Protocol):
    """Replaces a region of an input.

    Attributes:
        title: What people call it.
        needs_normal: Whether it needs films without the finding.
    """

    title: ClassVar[str]
    needs_normal: ClassVar[bool]

    def __call__(
        self,
        image: Float[np.ndarray, "c h w"],
        region: Bool[np.ndarray, "h w"],
        normal: Normal,
        /,
    ) -> Float[np.ndarray, "c h w"]:
        """The input with the region replaced, and nothing else changed.

        Args:
            image: An input of a network.
            region: What is replaced; not everything, and not nothing.
            normal: Inputs of films without the finding; empty where there is none.
        """
        ...


infills: Registry[RegionInfill] = Registry("infill of a region", __name__, "heatproof.infills")


def ring(region: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """The pixels around a region, a twentieth of the shorter side wide."""
    wider = binary_dilation(region, iterations=max(1, min(region.shape) // _RING))
    around: np.ndarray = np.logical_and(wider, ~region)
    return around
