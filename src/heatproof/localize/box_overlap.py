"""Boxes of a map beside boxes of lesions: intersection over union, or over the map's box.

The box of a mark is the smallest that holds it, and so is that of a lesion.  IoBB is the
intersection over the area of the *map's* box (Wang et al., CVPR 2017,
https://arxiv.org/abs/1705.02315): a small box inside the marked one has an IoBB of 1.
"""

from collections.abc import Iterable
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Bool, Float

from heatproof.errors import SpecError

Over = Literal["union", "found"]


def boxes_around(masks: Iterable[Bool[np.ndarray, "h w"]]) -> Float[np.ndarray, "l 4"]:
    """Left, top, width and height of the box around each mask."""
    boxes = [cv2.boundingRect(mask.astype(np.uint8)) for mask in masks]
    return np.array(boxes, float).reshape(-1, 4)


def overlaps(
    found: Float[np.ndarray, "m 4"], marked: Float[np.ndarray, "l 4"], over: Over = "union"
) -> Float[np.ndarray, "m l"]:
    """IoU of each pair of boxes, or IoBB where ``over`` is ``"found"``."""
    a, b = found[:, None], marked[None]
    sides = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])
    sides = (sides - np.maximum(a[..., :2], b[..., :2])).clip(0)
    shared = sides.prod(axis=-1)
    areas = a[..., 2:].prod(axis=-1)
    whole = areas + b[..., 2:].prod(axis=-1) - shared if over == "union" else areas
    shares: np.ndarray = shared / np.broadcast_to(whole, shared.shape)
    return shares


def check_threshold(threshold: float) -> None:
    """Raises SpecError unless it is a share that boxes can exceed."""
    if not 0 <= threshold < 1:
        raise SpecError(f"threshold={threshold} is not in [0, 1): overlaps must exceed it")
