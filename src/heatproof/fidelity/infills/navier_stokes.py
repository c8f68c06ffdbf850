"""Navier-Stokes: lines of equal brightness are continued into a region.

Bertalmio, Bertozzi & Sapiro, CVPR 2001, https://doi.org/10.1109/CVPR.2001.990497; OpenCV has it.
"""

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from jaxtyping import Bool, Float

from heatproof.fidelity.infills import Normal, infills
from heatproof.fidelity.infills.telea import painted


@infills.register("navier_stokes")
@dataclass(frozen=True)
class NavierStokes:
    """Lines of equal brightness are continued from outside."""

    title: ClassVar[str] = "Navier-Stokes"
    needs_normal: ClassVar[bool] = False

    def __call__(
        self, image: Float[np.ndarray, "c h w"], region: Bool[np.ndarray, "h w"], _normal: Normal
    ) -> Float[np.ndarray, "c h w"]:
        """The input with the region replaced."""
        return painted(image, region, cv2.INPAINT_NS)
