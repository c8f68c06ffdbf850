"""Do readers agree?  The most that can be asked of a map is what they ask of each other.

Where they see it: the mean over pairs of readers of the IoU of their masks, per image, and each
reader against the *others'* consensus.  A consensus that holds the reader flatters him, so
``held_in`` is there for published comparisons (Venkatesh et al. 2024).  ``nan`` where neither of
the two marks anything.

Whether they see it: Fleiss' kappa (Psychol Bull 1971, 76:378), the agreement beyond what readers
who guess with their own frequencies would reach; ``nan`` where all always say the same.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float

from heatproof.stats.bootstrap import statistic
from heatproof.types import Estimate

Masks = Sequence[Bool[np.ndarray, "h w"]]


def overlap(first: Bool[np.ndarray, "h w"], second: Bool[np.ndarray, "h w"]) -> float:
    """Intersection over union; ``nan`` where both are empty."""
    union = int(np.count_nonzero(first | second))
    return int(np.count_nonzero(first & second)) / union if union else float("nan")


def consensus(masks: Masks) -> Bool[np.ndarray, "h w"]:
    """The pixels that more than half of the readers marked."""
    return np.asarray(2 * np.sum(masks, axis=0) > len(masks))


def between(masks: Masks) -> float:
    """Mean IoU of the pairs of readers of one image; ``nan`` without a pair that marked."""
    return _mean([overlap(first, second) for first, second in combinations(masks, 2)])


def held_in(masks: Masks) -> float:
    """Mean IoU of each reader with the consensus of all readers, the reader among them."""
    whole = consensus(masks)
    return _mean([overlap(mask, whole) for mask in masks])


def against_others(masks: Masks) -> Float[np.ndarray, " r"]:
    """IoU of each reader with the consensus of the others."""
    others = [
        [m for other, m in enumerate(masks) if other != reader] for reader in range(len(masks))
    ]
    pairs = zip(masks, map(consensus, others), strict=True)
    return np.array([overlap(mask, rest) for mask, rest in pairs])


def fleiss_kappa(
    saw: Bool[np.ndarray, "n r"],
    clusters: Sequence[str],
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Agreement of readers on whether a finding is there, beyond chance: 1 is perfect, 0 chance.

    Args:
        saw: One row per image, one column per reader, at least two; which reader stands in which
            column does not matter.
        clusters: What is resampled as one, such as ``Sample.cluster``.
        resamples: Replicates.
        level: Coverage of the interval, such as 0.95.
        seed: Equal seeds and clusters make equal resamples.
    """
    readers = saw.shape[1]
    yes = saw.sum(axis=1)
    agreeing = (yes * (yes - 1) + (readers - yes) * (readers - yes - 1)) / (readers * (readers - 1))

    def kappa(weights: Float[np.ndarray, "b n"]) -> Float[np.ndarray, " b"]:
        total = weights.sum(axis=1)
        share = weights @ yes / (total * readers)
        chance = share**2 + (1 - share) ** 2
        values: np.ndarray = np.full(len(weights), np.nan)
        np.divide(weights @ agreeing / total - chance, 1 - chance, out=values, where=chance < 1)
        return values

    return statistic(kappa, np.ones(len(saw), bool), clusters, resamples, level, seed)


def _mean(values: Sequence[float]) -> float:
    defined = [value for value in values if np.isfinite(value)]
    return sum(defined) / len(defined) if defined else float("nan")
