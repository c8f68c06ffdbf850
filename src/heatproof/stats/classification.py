"""How well does the classifier classify?

Probabilities and labels are of images; clusters (patients) are what is independent.  Images whose
probability is ``nan`` are left out.  What is undefined (a single class, nobody called positive) is
``nan``, with ``cases`` telling how many images stand behind it.

The AUROC is the Mann-Whitney statistic, ties counting one half.  Its interval is by the cluster
bootstrap, but where no pair of images is out of order every replicate is 1 and says nothing: there
it is the score interval for the Mann-Whitney statistic (Newcombe, Stat Med 2006, 25:559, method 5)
on the number of clusters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import brentq

from heatproof.stats.bootstrap import draws, interval, membership
from heatproof.stats.proportion import proportion
from heatproof.types import Estimate

_NAN = float("nan")


@dataclass(frozen=True)
class Rates:
    """How often a classifier is right at its operating point; ``cases`` are the denominators."""

    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate
    npv: Estimate


def rates(
    called: Float[np.ndarray, " n"],
    labels: Bool[np.ndarray, " n"],
    clusters: Sequence[str],
    level: float = 0.95,
) -> Rates:
    """Sensitivity, specificity and predictive values.

    Args:
        called: 1 where the classifier calls the finding, 0 where not, ``nan`` where it says nothing
            (``operating_point.called``).
        labels: Whether the finding is present.
        clusters: Such as ``Sample.cluster``.
        level: Coverage of the intervals, such as 0.95.
    """
    names = np.array(clusters, dtype=object)

    def share(hit: bool, among: Bool[np.ndarray, " n"], of: Float[np.ndarray, " n"]) -> Estimate:
        return proportion(of[among] == hit, list(names[among]), level)

    defined = np.isfinite(called)
    truth = labels.astype(float)
    return Rates(
        sensitivity=share(True, defined & labels, called),
        specificity=share(False, defined & ~labels, called),
        ppv=share(True, called == 1, truth),
        npv=share(False, called == 0, truth),
    )


def auroc(
    probabilities: Float[np.ndarray, " n"],
    labels: Bool[np.ndarray, " n"],
    clusters: Sequence[str],
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Area under the ROC curve; ``nan`` where there is only one class.

    Args:
        probabilities: Or any other score; ``nan`` where there is none.
        labels: Whether the finding is present.
        clusters: Such as ``Sample.cluster``.
        resamples: Replicates.
        level: Coverage of the interval, such as 0.95.
        seed: Equal seeds and clusters make equal resamples.
    """
    members, size = membership(clusters)
    # `argsort` puts nan last, so the slice leaves out images without a probability.
    order = np.argsort(probabilities, kind="stable")[: (~np.isnan(probabilities)).sum()]
    ranked, truth, members = probabilities[order], labels[order], members[order]
    cases, groups = len(order), len(np.unique(members))
    if truth.all() or not truth.any():
        return Estimate(_NAN, _NAN, _NAN, level, cases, "all images are of one class")
    starts = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1])))
    value = float(_auroc(np.ones((1, cases)), truth, starts)[0])
    if groups == 1:
        return Estimate(value, _NAN, _NAN, level, cases, "a single cluster has no interval")
    if value in (0, 1):
        # The score interval takes cases for independent, which clusters are and their images are
        # not.
        sizes = len(np.unique(members[truth])), len(np.unique(members[~truth]))
        low = _lowest(*sizes, level)
        ends = (low, 1.0) if value == 1 else (0.0, 1 - low)
        return Estimate(value, *ends, level, cases, f"score interval, {groups} clusters")
    replicates = [
        _auroc(weights[:, members], truth, starts)
        # Weights are spread over images here, so blocks of draws are sized by images and not by
        # clusters.
        for weights in draws(size, resamples, seed, cases)
    ]
    low, high = interval(np.concatenate(replicates), level)
    method = f"bootstrap of {groups} clusters, {resamples} resamples"
    return Estimate(value, low, high, level, cases, method)


def _auroc(
    weights: Float[np.ndarray, "b n"], truth: Bool[np.ndarray, " n"], starts: np.ndarray
) -> Float[np.ndarray, " b"]:
    """The AUROC of images sorted by probability, each counted by its weight; ``starts`` are where
    ties begin.
    """
    positives = np.add.reduceat(weights * truth, starts, axis=1)
    negatives = np.add.reduceat(weights * ~truth, starts, axis=1)
    # The half that is taken off makes negatives of the same tie count one half.
    outranked = np.cumsum(negatives, axis=1) - negatives / 2
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    areas: np.ndarray = np.full(len(weights), np.nan)
    np.divide((positives * outranked).sum(axis=1), pairs, out=areas, where=pairs > 0)
    return areas


def _lowest(positives: int, negatives: int, level: float) -> float:
    """The smallest AUROC at which a perfect sample would not be surprising."""
    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2
    mean = (positives + negatives) / 2

    def surprise(area: float) -> float:
        # (1 - area)^2 = z^2 variance, both sides divided by 1 - area.
        spread = 1 + (mean - 1) * ((1 - area) / (2 - area) + area / (1 + area))
        return 1 - area - z2 * area * spread / (positives * negatives)

    # The root lies between the ends, since the surprise is 1 at an area of 0 and negative at 1.
    return float(brentq(surprise, 0, 1))
