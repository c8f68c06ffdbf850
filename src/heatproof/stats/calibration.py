"""Do probabilities mean what they say?

The Brier score is the mean squared difference of probability and label.  The expected calibration
error is the mean over images of |share of positives - mean probability| of their bin, for bins of
equal width over [0, 1] (Naeini et al., AAAI 2015); it grows with the number of bins and shrinks
with the number of images, so compare only like with like.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from heatproof.stats.proportion import proportion
from heatproof.types import Estimate


@dataclass(frozen=True)
class Bin:
    """Images with a probability in [low, high), the last bin including 1.

    Attributes:
        low: Where the bin begins.
        high: Where it ends.
        probability: Mean of its images.
        observed: Share of its images that have the finding.
    """

    low: float
    high: float
    probability: float
    observed: Estimate


@dataclass(frozen=True)
class Calibration:
    """Reliability curve (bins without images are left out) and its two summaries."""

    bins: tuple[Bin, ...]
    brier: float
    ece: float
    cases: int


def calibration(
    probabilities: Float[np.ndarray, " n"],
    labels: Bool[np.ndarray, " n"],
    clusters: Sequence[str],
    bins: int = 10,
    level: float = 0.95,
) -> Calibration:
    """Compare probabilities with labels; an image whose probability is ``nan`` is left out.

    Args:
        probabilities: Numbers in [0, 1], or nan.
        labels: Whether the finding is present.
        clusters: What is independent, such as ``Sample.cluster``.
        bins: How many bins of equal width the range of probabilities is cut into.
        level: Coverage of the intervals of the observed shares, such as 0.95.
    """
    defined = np.isfinite(probabilities)
    truth, stated = labels[defined], probabilities[defined]
    names = np.array(clusters, dtype=object)[defined]
    if len(stated) == 0:
        return Calibration((), float("nan"), float("nan"), 0)
    # A probability of 1 would otherwise open a bin beyond the last.
    place = np.minimum((stated * bins).astype(int), bins - 1)
    filled = []
    for index in np.unique(place):
        here = place == index
        observed = proportion(truth[here], list(names[here]), level)
        edges = float(index) / bins, float(index + 1) / bins
        filled.append(Bin(*edges, float(stated[here].mean()), observed))
    # Bins count by their images, since the error is a mean over images.
    ece = sum(abs(bin_.observed.value - bin_.probability) * bin_.observed.cases for bin_ in filled)
    brier = float(np.mean((stated - truth) ** 2))
    return Calibration(tuple(filled), brier, ece / len(stated), len(stated))
