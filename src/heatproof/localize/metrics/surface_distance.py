"""Surface distance: how far apart are the outlines of the map's mask and the reader's?

The outline of a mask are its pixels with a neighbour (up, down, left or right) that is not in it,
or none because the image ends.  Distances are between centres of pixels, from each outline pixel of
either mask to the nearest of the other:

==================  ================================================================================
``statistic``       of all distances, both ways together
==================  ================================================================================
``mean``            average symmetric surface distance (Heimann et al., IEEE TMI 2009,
                    https://doi.org/10.1109/TMI.2009.2013851)
``hausdorff``       the largest
``hausdorff95``     the larger of the two 95th percentiles, one way and the other: robust to specks
==================  ================================================================================

Smaller is better.  Undefined where either mask is empty, where the map is constant or not finite,
and, in millimetres, on films whose spacing is not known.
"""

import math
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import cv2
import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import cKDTree

from heatproof.localize import metrics
from heatproof.maps.binarize import Binarizer, Otsu, binarizers


@metrics.register("surface_distance")
@dataclass(frozen=True)
class SurfaceDistance:
    """Distance between the outline of the binarized map and that of the marked region.

    Attributes:
        statistic: Which of the distances is reported, see above.
        unit: Millimetres, pixels, or shares of the diagonal of the film, which need no spacing.
        binarize: How the map becomes a mask.
        spacing: Millimetres per pixel, down and across; by default each film's own.
    """

    title: ClassVar[str] = "Surface distance"
    chance: ClassVar[float | None] = None
    lower_is_better: ClassVar[bool] = True
    statistic: Literal["mean", "hausdorff", "hausdorff95"] = "mean"
    unit: Literal["mm", "pixels", "diagonal"] = "diagonal"
    binarize: Binarizer = field(default=Otsu(), metadata={"registry": binarizers})
    spacing: tuple[float, float] | None = None

    @property
    def undefined(self) -> str:
        """Depends on the unit."""
        unknown = ", or the spacing of pixels is not known" if self.unit == "mm" else ""
        return f"the map or the reader marks nothing, or the map is constant or not finite{unknown}"

    def __call__(self, saliency: Float[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]) -> float:
        """The distance, in the unit, at least 0; ``nan`` where undefined."""
        pixel = self._pixel(mask.shape[0], mask.shape[1])
        predicted = self.binarize(saliency)
        if pixel is None or predicted is None or not predicted.any() or not mask.any():
            return float("nan")
        predicted_outline, marked_outline = outline(predicted) * pixel, outline(mask) * pixel
        there, _ = cKDTree(marked_outline).query(predicted_outline)
        back, _ = cKDTree(predicted_outline).query(marked_outline)
        match self.statistic:
            case "mean":
                return float(np.concatenate([there, back]).mean())
            case "hausdorff":
                return float(max(there.max(), back.max()))
            case "hausdorff95":
                return float(max(np.percentile(there, 95), np.percentile(back, 95)))

    def _pixel(self, height: int, width: int) -> tuple[float, float] | None:
        """Height and width of a pixel, in the unit; None where they are not known."""
        match self.unit:
            case "mm":
                return self.spacing
            case "pixels":
                return 1.0, 1.0
            case "diagonal":
                return 1 / math.hypot(height, width), 1 / math.hypot(height, width)


def outline(mask: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "p 2"]:
    """Row and column of every pixel with a neighbour outside the mask."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    filled = mask.astype(np.uint8)
    # A border of 0 makes the end of the image the end of the mask.
    inner = cv2.erode(filled, cross, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.argwhere(filled > inner).astype(float)
