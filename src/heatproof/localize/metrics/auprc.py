"""Area under the precision-recall curve: do the pixels inside the mask rank above those outside?

Average precision, the sum over thresholds of (gain in recall) x precision, equal to
scikit-learn's.  A constant map scores the share of the image that the mask covers.  ``nan`` for an
empty mask and for a map that is not finite.

``rule="trapezoid"`` joins the points of the curve by straight lines and starts at (recall 0,
precision 1), as the code of Arun et al. 2021 (https://doi.org/10.1148/ryai.2021200267) does.  It
rewards ties: with a share pi inside the mask, a constant map scores (1 + pi) / 2.  Only for
comparison with published numbers.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Bool, Float

from heatproof.localize import metrics
from heatproof.localize.ranking import Ranking, ranking


@metrics.register("auprc")
@dataclass(frozen=True)
class AUPRC:
    """How purely the strongest pixels of the map lie inside the marked region.

    Area under the precision-recall curve of the pixels of one image.

    Attributes:
        rule: How the curve is integrated.
    """

    title: ClassVar[str] = "AUPRC"
    undefined: ClassVar[str] = "nothing is marked, or the map is not finite"
    chance: ClassVar[float | None] = None  # the share of the image that is marked
    rule: Literal["step", "trapezoid"] = "step"

    def __call__(self, saliency: Float[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]) -> float:
        """Between 0 and 1; ``nan`` where undefined."""
        counts = ranking(saliency, mask)
        if counts is None:
            return float("nan")
        precision = counts.inside / (counts.inside + counts.outside)
        if self.rule == "trapezoid":
            precision = (precision + _precision_before(counts)) / 2
        gains = np.diff(counts.inside, prepend=0)
        return float(gains @ precision / counts.inside[-1])


def _precision_before(counts: Ranking) -> Float[np.ndarray, " levels"]:
    """Precision just above each value, where the line to that value's point begins."""
    inside = np.concatenate(([0], counts.inside[:-1]))
    predicted = inside + counts.outside_above
    # With nothing predicted the curve begins at precision 1.
    before: np.ndarray = np.divide(
        inside, predicted, out=np.ones(inside.shape), where=predicted > 0
    )
    return before
