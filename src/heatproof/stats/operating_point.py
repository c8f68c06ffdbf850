"""Where a probability becomes a call, and how to choose that without looking at the answer.

A finding is called where probability >= threshold.  A rule chooses the threshold on images whose
labels may be used: validation images, never those on which the calls are judged.  Without such
images, ``cross_fitted`` splits the patients into two halves and judges each at the threshold that
the rule chose on the other.

A threshold lies midway between two probabilities that occurred, so that a rule does not hang on the
last digit of one of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from heatproof.stats.clusters import membership


@runtime_checkable
class ThresholdRule(Protocol):
    """A rule that chooses a threshold; ``nan`` where the images do not allow a choice."""

    def __call__(
        self, probabilities: Float[np.ndarray, " n"], labels: Bool[np.ndarray, " n"]
    ) -> float:
        """The threshold for these probabilities and labels."""
        ...


@dataclass(frozen=True)
class Youden:
    """The largest sensitivity + specificity; of equals, the most sensitive.

    Needs both classes.
    """

    def __call__(
        self, probabilities: Float[np.ndarray, " n"], labels: Bool[np.ndarray, " n"]
    ) -> float:
        """The threshold."""
        thresholds, sensitivity, specificity = _curve(probabilities, labels)
        total = sensitivity + specificity
        if total.size == 0 or not np.isfinite(total).all():
            return float("nan")
        # Equal sums of rates may differ by rounding; the last stands at the lowest threshold.
        best = np.flatnonzero(np.isclose(total, total.max(), rtol=0, atol=1e-12))[-1]
        return float(thresholds[best])


@dataclass(frozen=True)
class TargetSensitivity:
    """The highest threshold that still finds the given share of positives.

    Attributes:
        target: Sensitivity on the images that the rule sees, in (0, 1].
    """

    target: float = 0.9

    def __call__(
        self, probabilities: Float[np.ndarray, " n"], labels: Bool[np.ndarray, " n"]
    ) -> float:
        """The threshold."""
        thresholds, sensitivity, _ = _curve(probabilities, labels)
        # A sensitivity may lie below its target by rounding alone.
        enough = np.flatnonzero(sensitivity >= self.target - 1e-12)
        return float(thresholds[enough[0]]) if enough.size else float("nan")


def called(
    probabilities: Float[np.ndarray, " n"], thresholds: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """1 for a positive call, 0 for a negative one, ``nan`` where the probability or the threshold
    is.
    """
    defined = np.isfinite(probabilities) & np.isfinite(thresholds)
    return np.asarray(np.where(defined, probabilities >= thresholds, np.nan))


def cross_fitted(
    probabilities: Float[np.ndarray, " n"],
    labels: Bool[np.ndarray, " n"],
    clusters: Sequence[str],
    rule: ThresholdRule,
    seed: int = 0,
) -> Float[np.ndarray, " n"]:
    """The threshold for each image, chosen on the half of the patients that its patient is not in.

    Patients with and without the finding are split evenly.
    """
    half = _halves(labels, clusters, seed)
    chosen = [rule(probabilities[half != side], labels[half != side]) for side in (0, 1)]
    return np.asarray(np.array(chosen)[half])


def _halves(
    labels: Bool[np.ndarray, " n"], clusters: Sequence[str], seed: int
) -> Int[np.ndarray, " n"]:
    """The half of each image, 0 or 1; a patient is in one half only."""
    members, size = membership(clusters)
    positive = np.bincount(members, labels, size) > 0
    side = np.empty(size, int)
    # Shuffled within each class and dealt in turn over both, so that the halves differ by one.
    # `lexsort` sorts by its last key first, so the class comes before the random number.
    order = np.lexsort((np.random.default_rng(seed).random(size), positive))
    side[order] = np.arange(size) % 2
    return np.asarray(side[members])


def _curve(
    probabilities: Float[np.ndarray, " n"], labels: Bool[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, " t"], Float[np.ndarray, " t"], Float[np.ndarray, " t"]]:
    """The thresholds from high to low, and the sensitivity and specificity at each."""
    defined = np.isfinite(probabilities)
    levels, place = np.unique(probabilities[defined], return_inverse=True)
    truth = labels[defined]
    hits = np.cumsum(np.bincount(place, truth, len(levels))[::-1])
    alarms = np.cumsum(np.bincount(place, ~truth, len(levels))[::-1])
    # The lowest threshold is a probability itself, at which every image is called.
    below = np.concatenate((levels[:1], (levels[1:] + levels[:-1]) / 2))[::-1]
    # A single class makes 0 / 0, and by that nan a rule sees that it cannot choose.
    with np.errstate(invalid="ignore"):
        return below, hits / truth.sum(), 1 - alarms / (~truth).sum()
