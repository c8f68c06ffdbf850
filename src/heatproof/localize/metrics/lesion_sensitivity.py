"""Lesion sensitivity by size: of the lesions of a size, how many does a map find?

A lesion is found where the peak of any mark of the map (``marks.py``) lies inside it, whatever the
model's probability; what the marks beside it cost, ``froc`` tells.  The size of a lesion is the
diameter of a disc of its area: in millimetres where the spacing of pixels is known, or as a share
of the side of a square of the area of the film.  Lesions are counted one by one, so films with many
count more.  In millimetres, a film whose spacing is not known is left out.
"""

import math
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float

from heatproof.data.geometry import Geometry
from heatproof.errors import SpecError
from heatproof.localize import Reference, metrics
from heatproof.localize.lesions_found import LesionsFound
from heatproof.localize.marks import marks
from heatproof.maps.binarize import Binarizer, Otsu, binarizers


@metrics.register("lesion_sensitivity")
@dataclass(frozen=True)
class LesionSensitivity(LesionsFound):
    """Share of the lesions of a size in which the peak of one of the map's marks lies.

    Attributes:
        smallest: Diameter from which a lesion counts.
        below: Diameter from which it no longer does.
        unit: Unit of both diameters: millimetres, or shares of the side of the film.
        binarize: How a map becomes marks.
        spacing: Millimetres per pixel, down and across; by default each film's own.
    """

    title: ClassVar[str] = "Lesion sensitivity"
    per_map: ClassVar[str] = "share of a film's lesions found"
    chance: ClassVar[float | None] = None
    sees_negatives: ClassVar[bool] = False
    smallest: float = 0.0
    below: float = math.inf
    unit: Literal["mm", "share"] = "share"
    binarize: Binarizer = field(default=Otsu(), metadata={"registry": binarizers})
    spacing: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.smallest < self.below:
            raise SpecError(
                f"smallest={self.smallest} and below={self.below}, expected 0 <= smallest < below"
            )

    @property
    def undefined(self) -> str:
        """Depends on the unit."""
        unknown = ", or the spacing of its pixels is not known" if self.unit == "mm" else ""
        return f"the map is constant or not finite{unknown}"

    def of_map(
        self, saliency: Float[np.ndarray, "y x"], geometry: Geometry, reference: Reference
    ) -> Float[np.ndarray, " c"]:
        """Lesions of that size, and how many of them are found."""
        height, width = reference.mask.shape
        side = self._side(height * width)
        predicted = marks(geometry.back(saliency, (height, width)), self.binarize)
        if predicted is None or side is None:
            return np.full(2, np.nan)
        rows, columns = predicted.peaks.T
        hits = [
            bool(lesion[rows, columns].any())
            for lesion in reference.lesions()
            if self.smallest <= side * math.sqrt(4 / math.pi * lesion.sum()) < self.below
        ]
        return np.array([len(hits), sum(hits)], float)

    def _side(self, pixels: int) -> float | None:
        """The side of a pixel, in the unit; None where it is not known."""
        if self.unit == "share":
            return 1 / math.sqrt(pixels)
        # The geometric mean of both spacings keeps the area of a pixel that is no square.
        return None if self.spacing is None else math.sqrt(math.prod(self.spacing))
