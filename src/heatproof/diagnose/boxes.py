"""What would boxes have made of it?

Many data sets mark findings with boxes.  A box around an elongated or ragged finding is mostly not
the finding, so a map can score on it without touching the lesion.  Where outlines are known, both
references can be had from the same reader: ``boxed`` turns a mask into the bounding boxes of its
connected parts, and ``coverage`` tells how much of the boxes is the finding.
"""

import cv2
import numpy as np
from jaxtyping import Bool


def boxed(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """The filled bounding boxes of the parts of a mask; parts that touch at a corner are one."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    filled = np.zeros_like(mask)
    for x, y, width, height, _ in stats[1:count]:  # the first is what is not marked
        filled[y : y + height, x : x + width] = True
    return filled


def coverage(mask: Bool[np.ndarray, "h w"]) -> float:
    """Share of the boxes that is the finding, which is the mask's IoU with them; ``nan`` if empty.

    The best IoU that an exact outline can reach against a reference of boxes.
    """
    pixels = int(np.count_nonzero(mask))
    return pixels / int(np.count_nonzero(boxed(mask))) if pixels else float("nan")
