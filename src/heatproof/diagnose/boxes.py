"""How much would a reader who draws boxes have marked too much?

``coverage`` tells how much of the bounding boxes of a mask is the finding; ``boxed`` of
``heatproof.localize.metrics`` measures maps against those boxes.
"""

import cv2
import numpy as np
from jaxtyping import Bool

from heatproof.localize.metrics.boxed import boxed


def coverage(mask: Bool[np.ndarray, "h w"]) -> float:
    """The share of the bounding boxes that is marked, which is the IoU of mask and boxes; ``nan``
    if empty.

    The best IoU that an exact outline can reach against a reference of boxes.
    """
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    inside = mask[top : top + height, left : left + width]
    pixels = int(np.count_nonzero(inside))
    return pixels / int(np.count_nonzero(boxed(inside))) if pixels else float("nan")
