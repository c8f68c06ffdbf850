"""Relevance rank accuracy: of as many of the strongest pixels as are marked, how many are inside?

With K marked pixels, the share of the K strongest pixels of the map that lie inside the mask (Arras
et al., Information Fusion 2022, https://arxiv.org/abs/2003.07258): precision and recall where they
are equal.  Where pixels tie for the last places, the share expected of a random choice among them;
so a constant map gets the share of the image that is marked.  Undefined where nothing is marked,
and for a map that is not finite.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float

from heatproof.localize import metrics


@metrics.register("relevance_rank")
@dataclass(frozen=True)
class RelevanceRank:
    """Share of the map's strongest pixels, as many as are marked, that lie inside the region."""

    title: ClassVar[str] = "Relevance rank"
    undefined: ClassVar[str] = "nothing is marked, or the map is not finite"
    chance: ClassVar[float | None] = None  # the share of the image that is marked

    def __call__(self, saliency: Float[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]) -> float:
        """Between 0 and 1; ``nan`` where undefined."""
        marked = int(np.count_nonzero(mask))
        if marked == 0 or not np.isfinite([saliency.min(), saliency.max()]).all():
            return float("nan")
        # A partition finds the K-th strongest pixel without sorting a whole film.
        weakest = np.partition(saliency, -marked, axis=None)[-marked]
        above, tied = saliency > weakest, saliency == weakest
        places = marked - np.count_nonzero(above)
        lucky = places * np.count_nonzero(tied & mask) / np.count_nonzero(tied)
        return float((np.count_nonzero(above & mask) + lucky) / marked)
