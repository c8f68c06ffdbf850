"""IoU of two maps' masks: pixels in both, divided by pixels in either."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float

from heatproof.maps.binarize import Binarizer, Otsu, binarizers
from heatproof.trust.similarity import similarities


@similarities.register("iou")
@dataclass(frozen=True)
class IoUOfMaps:
    """How much the regions that two maps mark overlap: between 0 and 1.

    Attributes:
        binarize: Makes a mask of each map.
    """

    binarize: Binarizer = field(default=Otsu(), metadata={"registry": binarizers})
    title: ClassVar[str] = "IoU of binarized maps"
    undefined: ClassVar[str] = "a map is constant, or neither marks anything"
    span: ClassVar[tuple[float, float]] = (0.0, 1.0)
    itself: ClassVar[float] = 1.0

    def __call__(
        self, one: Float[np.ndarray, "n y x"], other: Float[np.ndarray, "n y x"]
    ) -> Float[np.ndarray, " n"]:
        """The intersection over union of each pair."""
        masks = (both_masks(self.binarize, *pair) for pair in zip(one, other, strict=True))
        return np.array([_overlap(pair) for pair in masks], float)


def both_masks(
    binarize: Binarizer, one: Float[np.ndarray, "y x"], other: Float[np.ndarray, "y x"]
) -> Bool[np.ndarray, "2 y x"] | None:
    """The masks of both maps; ``None`` where one has none."""
    first, second = binarize(one), binarize(other)
    return None if first is None or second is None else np.stack([first, second])


def _overlap(masks: Bool[np.ndarray, "2 y x"] | None) -> float:
    if masks is None or not masks.any():
        return float("nan")
    return float(masks.all(axis=0).sum() / masks.any(axis=0).sum())
