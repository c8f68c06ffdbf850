"""Scores with a mean that is known: bounded, skewed, mostly zero; and outputs of a classifier.

Laws are named by what they stand for.  Each draws one number per film and says its mean; films of a
patient share half of their variance (a Gaussian copula), which leaves every film's law as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import beta, gamma
from scipy.stats import t as student

OF_PATIENT = 0.5


@dataclass(frozen=True)
class Law:
    """The law of one number per film, by its quantile function."""

    quantile: Callable[[np.ndarray], np.ndarray]
    mean: float


def _found_or_not(u: np.ndarray) -> np.ndarray:
    """IoU of small lesions: missed, 0, in 60% of films; else spread."""
    return np.where(u < 0.6, 0.0, beta.ppf(np.clip((u - 0.6) / 0.4, 1e-12, 1), 2, 3))


LAWS = {
    "IoU, symmetric: beta(3, 3)": Law(lambda u: beta.ppf(u, 3, 3), 0.5),
    "IoU, skewed: beta(0.5, 3)": Law(lambda u: beta.ppf(u, 0.5, 3), 1 / 7),
    "AUPRC near 1: beta(6, 0.5)": Law(lambda u: beta.ppf(u, 6, 0.5), 12 / 13),
    "small lesions: 60% missed": Law(_found_or_not, 0.16),
    "hit rate 0.3": Law(lambda u: (u < 0.3).astype(float), 0.3),
    "hit rate 0.9": Law(lambda u: (u < 0.9).astype(float), 0.9),
}
DIFFERENCES = {
    "normal, sd 0.1": Law(lambda u: 0.1 * ndtri(u), 0.0),
    "rare big losses: gamma(0.5)": Law(lambda u: 0.1 - 0.2 * gamma.ppf(u, 0.5), 0.0),
    "rare big gains: gamma(0.5)": Law(lambda u: 0.2 * gamma.ppf(u, 0.5) - 0.1, 0.0),
    "far out on both sides: t(3)": Law(lambda u: 0.1 * student.ppf(u, 3), 0.0),
    "hits gained and lost": Law(
        lambda u: np.where(u < 0.15, -1.0, np.where(u > 0.85, 1.0, 0.0)),
        0.0,
    ),
}


def uniform(rng: np.random.Generator, patients: int, films: int) -> np.ndarray:
    """One number of [0, 1] per film, patient by patient."""
    share = OF_PATIENT if films > 1 else 0.0
    own = np.sqrt(1 - share) * rng.normal(size=(patients, films))
    return np.asarray(ndtr(np.sqrt(share) * rng.normal(size=(patients, 1)) + own).ravel())


def classified(
    rng: np.random.Generator, kind: str, area: float, positives: int, negatives: int
) -> tuple[np.ndarray, np.ndarray]:
    """Outputs of a classifier with that AUROC, and labels.

    ``equal`` and ``unequal`` spread of the two classes; ``hidden``: some positives look negative.
    """
    if kind == "hidden":
        lost = rng.random(positives) < 2 * (1 - area)
        of_positives = np.where(lost, rng.normal(size=positives), rng.normal(8, 1, positives))
    else:
        spread = 1.0 if kind == "equal" else 2.0
        shift = np.sqrt(1 + spread**2) * ndtri(area)
        of_positives = rng.normal(shift, spread, positives)
    labels = np.arange(positives + negatives) < positives
    return np.concatenate([of_positives, rng.normal(size=negatives)]), labels
