"""Marks: where a map says a lesion is, one by one.

A mark is a connected part of the binarized map (diagonals included).  Its place is the strongest
pixel in it, of several equal ones that nearest to their centroid; its strength is how high that
pixel stands in the range of the map, so that marks of one film can be ranked.  Marks of different
films are ranked by the model's probability of the film times their strength, since the heights of
maps mean nothing across films.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Int
from scipy import ndimage

from heatproof.localize.middle import nearest_to_centroid
from heatproof.maps.binarize import Binarizer

MOST = 100  # marks of one map, the strongest: as many detections as COCO counts


@dataclass(frozen=True)
class Marks:
    """The marks of one map, the strongest first.

    Attributes:
        strength: Height of the peak: 0 at the minimum of the map, 1 at its maximum.
        peaks: Row and column of the strongest pixel.
        boxes: Left, top, width and height.
    """

    strength: Float[np.ndarray, " m"]
    peaks: Int[np.ndarray, "m 2"]
    boxes: Float[np.ndarray, "m 4"]


def marks(saliency: Float[np.ndarray, "h w"], binarize: Binarizer) -> Marks | None:
    """The strongest marks of a map, at most ``MOST``; ``None`` where it cannot be binarized."""
    predicted = binarize(saliency)
    if predicted is None:
        return None
    # OpenCV joins diagonals unless told otherwise, and gives the background label 0.
    count, labels, stats, _ = cv2.connectedComponentsWithStats(predicted.astype(np.uint8))
    if count == 1:
        return Marks(np.empty(0), np.empty((0, 2), int), np.empty((0, 4)))
    every = np.arange(1, count)
    heights = np.atleast_1d(ndimage.maximum(saliency, labels, every))
    # A stable sort keeps the order of equal marks, so the cut at ``MOST`` is the same each time.
    strongest = np.argsort(-heights, kind="stable")[:MOST]
    low, high = float(saliency.min()), float(saliency.max())
    boxes = stats[1:][strongest, :4]
    peaks = [_peak(saliency, labels, label + 1, stats[label + 1]) for label in strongest.tolist()]
    return Marks((heights[strongest] - low) / (high - low), np.array(peaks), boxes.astype(float))


def _peak(
    saliency: Float[np.ndarray, "h w"],
    labels: Int[np.ndarray, "h w"],
    label: int,
    stats: np.ndarray,
) -> tuple[int, int]:
    """Row and column of the strongest pixel of one part."""
    # Only the box of the part is searched, which is a small part of a large film.
    left, top, width, height = (int(number) for number in stats[:4])
    window = (slice(top, top + height), slice(left, left + width))
    inside = labels[window] == label
    values = saliency[window]
    rows, columns = np.nonzero(inside & (values == values[inside].max()))
    nearest = nearest_to_centroid(rows, columns)
    return top + int(rows[nearest]), left + int(columns[nearest])
