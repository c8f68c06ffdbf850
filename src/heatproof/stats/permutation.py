"""Is the difference of two paired means chance?  Swap the pair of each patient, and see.

Under the null hypothesis the two maps (or a map and a reader) of a patient could have borne each
other's name.  So the signs of the differences are turned, all images of a patient together, and p
is the share of turns whose mean difference is at least as far from 0, two-sided: all of them where
they are few, otherwise as many at random, with the observed one among them, so that p is never 0
(Phipson & Smyth 2010).  Differences that are ``nan`` are left out.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.stats import permutation_test

from heatproof.stats.bootstrap import membership


def paired(
    first: Float[np.ndarray, " n"],
    second: Float[np.ndarray, " n"],
    clusters: Sequence[str],
    resamples: int = 9999,
    seed: int = 0,
) -> float:
    """The p-value; ``nan`` without a pair.

    Args:
        first: One value per image.
        second: Of the same images in the same order.
        clusters: Whose images are turned together, such as ``Sample.cluster``.
        resamples: Random turns, where there are more turns than that.
        seed: Equal seeds make equal turns.
    """
    members, size = membership(clusters)
    differences = first - second
    defined = np.isfinite(differences)
    if not defined.any():
        return float("nan")
    # The number of images stays, so the mean is as far out as the sum over patients.
    sums = np.bincount(members[defined], differences[defined], size)
    turned = sums[np.unique(members[defined])]
    if len(turned) == 1:
        return 1.0  # either sign is as far out
    found = permutation_test(
        (turned,),
        lambda x, axis: x.sum(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples,
        batch=max(1, (1 << 22) // len(turned)),
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)
