"""Smoothing before a map is cut: noisy relevance becomes regions.

``smoothed`` filters the map itself, in float, with a normalized k x k box (borders mirrored without
repeating the edge; an even box reaches half a pixel further up and left) and lets another binarizer
cut the result.  Relevance of both signs would cancel, so its size is smoothed unless told.

``jet_smoothed`` is what the code of CheXlocalize does (Saporta et al. 2022,
https://doi.org/10.1038/s42256-022-00536-x), for comparison with published numbers: the map in 8
bits goes through OpenCV's JET colours, back to grey with the weights of red and blue exchanged,
through the box in 8 bits, and is inverted, before Otsu's threshold.  That curve falls from 217 at
the map's minimum to 29 at 96 and rises to 240 at its maximum: the weakest pixels come out almost as
bright as the strongest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from heatproof.errors import SpecError
from heatproof.maps.binarize import (
    Binarizer,
    Otsu,
    above_otsu,
    binarizers,
    redrawn,
    rescaled,
    tuned_rows,
    value_range,
)
from heatproof.maps.tuning import Untuned, best


@binarizers.register("smoothed")
@dataclass(frozen=True)
class Smoothed:
    """A map smoothed by a box, and cut by another binarizer.

    Attributes:
        kernel: Side of the box, in pixels of the radiograph.
        sign: What is smoothed: relevance by its size, that for the finding alone, or as it is.
        binarize: What cuts the smoothed map.
    """

    kernel: int
    sign: Literal["absolute", "positive", "signed"] = "absolute"
    binarize: Binarizer = field(default=Otsu(), metadata={"registry": binarizers})

    def __post_init__(self) -> None:
        _check(self.kernel)

    def __call__(self, saliency: Float[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"] | None:
        """The mask of the smoothed map."""
        if rescaled(saliency) is None:
            return None
        match self.sign:
            case "absolute":
                values = np.abs(saliency)
            case "positive":
                values = np.maximum(saliency, 0)
            case "signed":
                values = saliency
        # Sums of a box that moves on round; what has one value has none to cut at.
        if value_range(values) is None:
            return None
        return self.binarize(_boxed(values, self.kernel))


@binarizers.register("jet_smoothed")
@dataclass(frozen=True)
class JetSmoothed:
    """The published smoothing, through colours, for comparison with published numbers.

    Attributes:
        kernel: Side of the box, in pixels of the radiograph: 100, 50 and 80 in the publication, for
            integrated gradients, DeepLIFT and LRP.
    """

    kernel: int

    def __post_init__(self) -> None:
        _check(self.kernel)

    def __call__(self, saliency: Float[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"] | None:
        """The mask of what the published code makes of the map, contours filled."""
        scaled = rescaled(saliency)
        if scaled is None:
            return None
        # `rescaled` returns a new array, so it may be changed in place.
        scaled *= 255
        grey = 255 - _boxed(through_jet(scaled.astype(np.uint8)), self.kernel)
        return redrawn(above_otsu(grey))


@binarizers.register("tuned_smoothing")
@dataclass(frozen=True)
class TunedSmoothing:
    """A box for each finding: that of the best mean score on the tuning films.

    Attributes:
        table: Where they were tuned elsewhere: CSV file with columns ``kernel`` and ``task``.
        sign: As in ``Smoothed``.
        binarize: As in ``Smoothed``.
        grid: The boxes to choose from, the first of which smooths nothing.  No study says its grid;
            those that are published as chosen (50, 80, 100) are in it.
    """

    table: Path | None = None
    sign: Literal["absolute", "positive", "signed"] = "absolute"
    binarize: Binarizer = field(default=Otsu(), metadata={"registry": binarizers})
    grid: tuple[int, ...] = (1, 10, 20, 30, 50, 80, 100, 150, 200)

    def candidates(self) -> Mapping[float, Binarizer]:
        """The smoothing by each box of the grid; none where a table gives the boxes."""
        boxes = () if self.table else self.grid
        return {float(kernel): Smoothed(kernel, self.sign, self.binarize) for kernel in boxes}

    def choose(self, means: Mapping[float, float], finding: str) -> float | None:  # noqa: ARG002
        """The smallest of the boxes with the best mean score."""
        return best(means)

    def chosen(self, value: float | None) -> Binarizer:
        """The smoothing with the box that was chosen."""
        return Untuned() if value is None else Smoothed(round(value), self.sign, self.binarize)

    def at(self, finding: str) -> Binarizer:
        """The smoothing of one finding; raises DataError where the table lacks it."""
        if self.table is None:
            return self
        # Tables hold numbers as floats, but a box has whole pixels.
        *_, row = tuned_rows(self.table, ("kernel",), finding)
        return Smoothed(round(row["kernel"]), self.sign, self.binarize)

    def __call__(
        self,
        saliency: Float[np.ndarray, "h w"],  # noqa: ARG002
    ) -> Bool[np.ndarray, "h w"] | None:
        """Refuses: only ``at(finding)`` knows which box applies."""
        raise SpecError(
            f"the boxes of {self.table or 'tuning films'} differ between findings: use"
            " tuned_smoothing(...)"
            ".at(finding)"
        )


def through_jet(levels: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """JET colours, read as if blue were red: 255 minus the published curve, before the box."""
    colours = cv2.applyColorMap(levels, cv2.COLORMAP_JET)  # blue first
    grey: np.ndarray = cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)  # red first
    return grey


def _boxed(values: np.ndarray, kernel: int) -> np.ndarray:
    # Borders are mirrored as in the published code, so that its masks come out.
    smooth: np.ndarray = cv2.blur(values, (kernel, kernel), borderType=cv2.BORDER_REFLECT_101)
    return smooth


def _check(kernel: int) -> None:
    if kernel < 1:
        raise SpecError(f"kernel={kernel}, expected pixels of the radiograph, at least 1")
