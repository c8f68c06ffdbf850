"""Boxed: a metric against the bounding boxes of what was marked, instead of the marks themselves.

Many data sets mark findings with boxes.  A box around an elongated or ragged finding is mostly not
the finding, so a map can score on it without touching the lesion.  Where outlines are known, both
references can be had from the same reader: put ``boxed(base=iou)`` beside ``iou``, and the report
tells what boxes would have made of every method.  Parts of a mask that touch at a corner are one
box.  Undefined where the metric itself is.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import cv2
import numpy as np
from jaxtyping import Bool, Float

from heatproof.errors import SpecError
from heatproof.localize import DatasetMetric, Metric, metrics
from heatproof.localize.metrics.iou import IoU


@metrics.register("boxed")
@dataclass(frozen=True)
class Boxed:
    """What the named metric makes of the bounding boxes of what the reader marked.

    Attributes:
        base: Any metric of maps.
    """

    title: ClassVar[str] = "Against boxes"
    base: Metric = field(default=IoU(), metadata={"registry": metrics})

    def __post_init__(self) -> None:
        if isinstance(self.base, DatasetMetric | Boxed):
            raise SpecError(
                f"boxed(base=...) got {self.base}, expected a metric of maps, such as iou or auprc"
            )

    @property
    def unboxed(self) -> Metric:
        """What is compared with it."""
        return self.base

    @property
    def undefined(self) -> str:
        """As the metric itself."""
        return self.base.undefined

    @property
    def chance(self) -> float | None:
        """As the metric itself."""
        return self.base.chance

    @property
    def sees_negatives(self) -> bool:
        """As the metric itself."""
        return bool(getattr(self.base, "sees_negatives", False))

    @property
    def lower_is_better(self) -> bool:
        """As the metric itself."""
        return bool(getattr(self.base, "lower_is_better", False))

    def __call__(self, saliency: Float[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]) -> float:
        """The metric, against the boxes."""
        if isinstance(self.base, DatasetMetric):
            raise SpecError(f"{self.base} is no metric of maps")
        return self.base(saliency, boxed(mask))


def boxed(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """The filled bounding boxes of the parts of a mask; parts that touch at a corner are one."""
    pixels = mask.view(np.uint8)
    left, top, width, height = cv2.boundingRect(pixels)
    # Outlines take 1 ms of a large film, where connected components of all of it take 35.
    outlines, _ = cv2.findContours(
        pixels[top : top + height, left : left + width],
        cv2.RETR_EXTERNAL,  # what lies inside another part lies inside its box
        cv2.CHAIN_APPROX_SIMPLE,
        offset=(left, top),
    )
    filled = np.zeros_like(mask)
    for x, y, width, height in map(cv2.boundingRect, outlines):
        filled[y : y + height, x : x + width] = True
    return filled
