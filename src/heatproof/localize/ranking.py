"""What threshold-free metrics need to know of a map, exactly, in one pass.

For each distinct value ``t`` that the map takes inside the mask, from high to low: how many pixels
inside are ``>= t``, and how many outside are ``>= t`` and ``> t``.  Precision, recall and the
Mann-Whitney statistic follow from these; other thresholds change no recall.  Two plain sorts
(inside and outside the mask) replace the argsort of all pixels, so nothing of the size of the image
is held but the values themselves.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int


@dataclass(frozen=True)
class Ranking:
    """Pixels counted at every value inside the mask, from the highest value down.

    Attributes:
        inside: Pixels of the mask at or above the value.
        outside: Pixels beside the mask at or above the value.
        outside_above: Pixels beside the mask strictly above the value.
        background: Pixels beside the mask.
    """

    inside: Int[np.ndarray, " levels"]
    outside: Int[np.ndarray, " levels"]
    outside_above: Int[np.ndarray, " levels"]
    background: int


def ranking(saliency: Float[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]) -> Ranking | None:
    """Count pixels by value; ``None`` where the mask is empty or the map is not finite."""
    # Minimum or maximum is not finite exactly where a pixel is not, and needs no second array.
    if not np.isfinite([saliency.min(), saliency.max()]).all():
        return None
    values = np.sort(saliency[mask])
    if values.size == 0:
        return None
    others = saliency[~mask]
    background = others.size
    others = np.sort(others[others >= values[0]])  # no level lies below
    starts = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    levels = values[starts]
    return Ranking(
        inside=(values.size - starts)[::-1],
        # ``left`` counts pixels that tie with the value, and ``right`` leaves them out.
        outside=(others.size - np.searchsorted(others, levels, side="left"))[::-1],
        outside_above=(others.size - np.searchsorted(others, levels, side="right"))[::-1],
        background=background,
    )
