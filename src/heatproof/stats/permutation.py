"""Is the difference of two paired means chance?  Swap the pair of each patient, and see.

Under the null hypothesis the two maps (or a map and a reader) of a patient could have borne each
other's name.  So the signs of the differences are turned, all images of a patient together, and p
is the share of turns whose mean difference is at least as far from 0, two-sided: all of them where
they are few, otherwise as many at random, with the observed one among them, so that p is never 0
(Phipson & Smyth 2010).  Differences that are ``nan`` are left out.
"""

from collections.abc import Sequence
from math import log2

import numpy as np
from jaxtyping import Float, Int

from heatproof.stats.bootstrap import membership

_BLOCK = 1 << 20  # numbers held at once: 1 MB of signs


def paired(
    first: Float[np.ndarray, " n"],
    second: Float[np.ndarray, " n"],
    clusters: Sequence[str],
    resamples: int = 9999,
    seed: int = 0,
) -> float:
    """The p-value of a paired difference; ``nan`` without a pair.

    Args:
        first: One value per image.
        second: The same for the other side, of the same images in the same order.
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
    # Sums of equal terms in another order are equal, but for rounding.
    far = abs(float(turned.sum())) - 1e-12 * float(np.abs(turned).sum())
    # All turns of few patients are fewer than the random ones would be, and give the exact p-value.
    if len(turned) <= log2(resamples):
        every = np.arange(1 << len(turned))[:, None] >> np.arange(len(turned)) & 1
        return float((_sums(every, turned) >= far).mean())
    generator, extreme = (
        np.random.default_rng(seed),
        1,
    )  # the observed signs are one of the draws, so p is never 0
    block = max(1, _BLOCK // len(turned))
    for start in range(0, resamples, block):
        shape = min(block, resamples - start), len(turned)
        signs = generator.integers(2, size=shape, dtype=np.int8)
        extreme += int(np.count_nonzero(_sums(signs, turned) >= far))
    return extreme / (resamples + 1)


def _sums(
    which: Int[np.ndarray, "b n"], turned: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " b"]:
    """The distance of the sum from 0 after some signs were turned, for each draw."""
    far: np.ndarray = np.abs(turned.sum() - 2 * (which.astype(float) @ turned))
    return far
