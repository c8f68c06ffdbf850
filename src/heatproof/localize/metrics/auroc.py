"""Area under the ROC curve of pixels: how often does a pixel inside the mask outrank one outside?

The Mann-Whitney statistic, ties counting one half, equal to scikit-learn's.  A constant map scores
0.5.  ``nan`` where the mask is empty or covers the whole image, and for a map that is not finite.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float

from heatproof.localize import metrics
from heatproof.localize.ranking import ranking


@metrics.register("auroc")
@dataclass(frozen=True)
class AUROC:
    """How often a pixel inside the marked region is stronger than one outside.

    Area under the ROC curve of the pixels of one image.
    """

    title: ClassVar[str] = "AUROC of pixels"
    undefined: ClassVar[str] = "nothing or everything is marked, or the map is not finite"
    chance: ClassVar[float | None] = 0.5

    def __call__(self, saliency: Float[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]) -> float:
        """Between 0 and 1; ``nan`` where undefined."""
        counts = ranking(saliency, mask)
        if counts is None or counts.background == 0:
            return float("nan")
        pixels = np.diff(counts.inside, prepend=0)
        # The mean of "at or above" and "strictly above" counts a tie one half.
        outranked = counts.background - (counts.outside + counts.outside_above) / 2
        return float(pixels @ outranked / (counts.inside[-1] * counts.background))
