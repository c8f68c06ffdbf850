"""How well does the classifier classify?

Probabilities and labels are of images; clusters (patients) are what is independent.  Images whose
probability is ``nan`` are left out.  What is undefined (a single class, nobody called positive) is
``nan``, with ``cases`` telling how many images stand behind it.

The AUROC is the Mann-Whitney statistic, ties counting one half.  Its interval is the score interval
of Newcombe (Stat Med 2006, 25:559, method 5), which holds near 1, where the areas of few positives
are few different numbers and every resampling ends too early.  It takes images for independent and
scores for those of two exponential laws; so the numbers of positives and negatives are divided by
the design effect, never below 1: how much more the area varies when patients are left out (DeLong's
variance by cluster: Obuchowski, Biometrics 1997, 53:567) than the score interval believes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import brentq

from heatproof.stats.clusters import membership
from heatproof.stats.contributions import centred
from heatproof.stats.proportion import proportion
from heatproof.types import Estimate

TO_RANK = 10
"""Patients with the finding, and without, behind a conclusion from an AUROC."""
_NAN = float("nan")
_EDGE = 1e-9


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
    level: float = 0.95,
) -> Estimate:
    """Area under the ROC curve; ``nan`` where there is only one class.

    Args:
        probabilities: Or any other score; ``nan`` where there is none.
        labels: Whether the finding is present.
        clusters: Such as ``Sample.cluster``.
        level: Coverage of the interval, such as 0.95.
    """
    defined = ~np.isnan(probabilities)
    scores, truth = probabilities[defined], labels[defined]
    members, _ = membership([name for name, d in zip(clusters, defined, strict=True) if d])
    cases = len(scores)
    if truth.all() or not truth.any():
        return Estimate(_NAN, _NAN, _NAN, level, cases, "all images are of one class")
    outranked = _outranked(scores, truth)
    # Half of all pairs are counted at the positive, half at the negative.
    value = float(outranked[truth].sum()) / (int(truth.sum()) * int((~truth).sum()))
    groups = len(np.unique(members))
    if groups == 1:
        return Estimate(value, _NAN, _NAN, level, cases, "a single cluster has no interval")
    sizes = _effective(value, _without_clusters(scores, truth, members, outranked), truth, members)
    low, high = _score_interval(value, *sizes, level)
    of_clusters = [len(np.unique(members[truth == side])) for side in (True, False)]
    few = min(of_clusters)
    return Estimate(
        value,
        low,
        high,
        level,
        cases,
        f"score interval, {groups} clusters",
        hindrance=f"{few} of the {TO_RANK} patients of each class that a conclusion needs"
        if few < TO_RANK
        else "",
    )


def roc(
    probabilities: Float[np.ndarray, " n"], labels: Bool[np.ndarray, " n"]
) -> tuple[tuple[float, float], ...]:
    """Corners of the ROC curve, from (0, 0) to (1, 1); none where there is only one class.

    Each corner is one minus specificity, and sensitivity.  Images of equal probability are called
    together, so ties make a slope, and the area below the corners is ``auroc``.

    Args:
        probabilities: Or any other score; ``nan`` where there is none.
        labels: Whether the finding is present.

    >>> roc(np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, False, True, True]))
    ((0.0, 0.0), (0.0, 0.5), (0.5, 1.0), (1.0, 1.0))
    """
    defined = ~np.isnan(probabilities)
    scores, truth = probabilities[defined], labels[defined]
    if truth.all() or not truth.any():
        return ()
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)
    hits, alarms = (np.append(0, np.cumsum(side[order])[last]) for side in (truth, ~truth))
    # A point on a straight line between its neighbours is no corner.
    steps, rises = np.diff(alarms), np.diff(hits)
    corner = np.append(np.append(True, steps[:-1] * rises[1:] != steps[1:] * rises[:-1]), True)
    across, up = alarms[corner] / (~truth).sum(), hits[corner] / truth.sum()
    return tuple(zip(across.tolist(), up.tolist(), strict=True))


def _outranked(scores: Float[np.ndarray, " n"], truth: Bool[np.ndarray, " n"]) -> np.ndarray:
    """How many images of the other class each is on the right side of; ties count one half."""
    counts = np.empty(len(scores))
    for side in (True, False):
        others = np.sort(scores[truth != side])
        own = scores[truth == side]
        below = np.searchsorted(others, own, "left") + np.searchsorted(others, own, "right")
        counts[truth == side] = below / 2 if side else len(others) - below / 2
    return counts


def _without_clusters(
    scores: Float[np.ndarray, " n"],
    truth: Bool[np.ndarray, " n"],
    members: Int[np.ndarray, " n"],
    outranked: Float[np.ndarray, " n"],
) -> Float[np.ndarray, " clusters"]:
    """The area without each cluster in turn; ``nan`` where a class is left without images."""
    size = int(members.max()) + 1
    of_cluster = np.bincount(members, outranked, size)
    positives = np.bincount(members, truth, size)
    negatives = np.bincount(members, ~truth, size)
    # Pairs within a cluster were counted at both of their images.
    for mixed in np.flatnonzero((positives > 0) & (negatives > 0)):
        own = members == mixed
        inside = _outranked(scores[own], truth[own])
        of_cluster[mixed] -= inside[truth[own]].sum()
    pairs = (positives.sum() - positives) * (negatives.sum() - negatives)
    areas: np.ndarray = np.full(size, np.nan)
    np.divide(outranked[truth].sum() - of_cluster, pairs, out=areas, where=pairs > 0)
    return areas


def _effective(
    area: float,
    without: Float[np.ndarray, " clusters"],
    truth: Bool[np.ndarray, " n"],
    members: Int[np.ndarray, " n"],
) -> tuple[float, float]:
    """The numbers of independent positives and negatives that vary as much as these."""
    images = float(truth.sum()), float((~truth).sum())
    clusters = tuple(float(len(np.unique(members[truth == side]))) for side in (True, False))
    pseudo = centred(area, without)
    variance = float(pseudo @ pseudo) / max(len(pseudo) * (len(pseudo) - 1), 1)
    # Where no pair is out of order nothing varies, and clusters are what is independent.
    if variance <= 0:
        return clusters[0], clusters[1]
    share = min(1.0, _variance(area, *images) / variance)
    return images[0] * share, images[1] * share


def _variance(area: float, positives: float, negatives: float) -> float:
    """The variance of an area of two exponential laws (Hanley & McNeil), as Newcombe has it."""
    mean = (positives + negatives) / 2
    spread = 1 + (mean - 1) * ((1 - area) / (2 - area) + area / (1 + area))
    return area * (1 - area) * spread / (positives * negatives)


def _score_interval(
    area: float, positives: float, negatives: float, level: float
) -> tuple[float, float]:
    """The areas at which one as far off as this would not be surprising."""
    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2

    def surprise(truth: float) -> float:
        return (truth - area) ** 2 - z2 * _variance(truth, positives, negatives)

    # Beside the area surprise is below 0, at the far ends above; at an area of 0 or 1 there is one
    # end alone.
    inside = min(max(area, _EDGE), 1 - _EDGE)
    low = float(brentq(surprise, 0, inside)) if area > 0 else 0.0
    high = float(brentq(surprise, inside, 1)) if area < 1 else 1.0
    return low, high
