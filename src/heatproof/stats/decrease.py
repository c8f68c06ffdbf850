"""How far below the readers?  The percentage decrease from a human benchmark.

    (H - S) / H

of the mean S of a method and the mean H of readers, over the same images; positive where the method
is worse.  The macro average takes the means over findings of S and of H first, so that a finding in
which readers are poor does not decide alone.  Patients are drawn once for readers, method and all
findings: the interval is that of a paired comparison (Saporta et al. 2022,
https://doi.org/10.1038/s42256-022-00536-x; ``chexlocalize.py`` has their own arithmetic).

An image counts where both are defined; a missing map is no excuse for a finding that readers found
hard.  Undefined (``nan``) where the readers' mean is 0, in a resample likewise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from heatproof.stats.bootstrap import interval, means, row_means
from heatproof.types import Estimate


@dataclass(frozen=True)
class Decrease:
    """The shares by which a method is below the readers.

    Attributes:
        findings: One per column.
        macro: Over those findings in which both are defined.
    """

    findings: tuple[Estimate, ...]
    macro: Estimate


def decrease(
    method: Float[np.ndarray, "n k"],
    readers: Float[np.ndarray, "n k"],
    clusters: Sequence[str],
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Decrease:
    """How far below the readers a method is.

    Args:
        method: One row per image, one column per finding; ``nan`` where undefined.
        readers: The same of the human benchmark.
        clusters: What is resampled as one, such as ``Sample.cluster``.
        resamples: Replicates.
        level: Coverage of the intervals, such as 0.95.
        seed: Equal seeds and clusters make equal resamples.
    """
    both = np.isfinite(method) & np.isfinite(readers)
    # Both tables have the same clusters and seed, so their replicates are drawn alike and paired.
    (mean, replicates), (readers_mean, readers_replicates) = (
        means(np.where(both, table, np.nan), clusters, resamples, seed)
        for table in (method, readers)
    )
    names = np.array(clusters, dtype=object)

    def estimate(value: float, below: np.ndarray, rows: np.ndarray, cases: int) -> Estimate:
        number = len(set(names[rows]))
        # Resamples of a single cluster are all equal, and their interval would look like certainty.
        low, high = interval(below, level) if number > 1 else (float("nan"), float("nan"))
        how = f"bootstrap of {number} clusters, {resamples} resamples"
        return Estimate(float(value), low, high, level, cases, how)

    shares, below = _share(mean, readers_mean)[0], _share(replicates, readers_replicates)
    findings = tuple(
        estimate(*parts, int(parts[-1].sum()))
        for parts in zip(shares, below.T, both.T, strict=True)
    )
    whole = _share(row_means(mean), row_means(readers_mean))[0]
    macro = _share(row_means(replicates), row_means(readers_replicates))
    return Decrease(findings, estimate(whole, macro, both.any(axis=1), int(both.sum())))


def _share(method: np.ndarray, readers: np.ndarray) -> np.ndarray:
    shares: np.ndarray = np.full(readers.shape, np.nan)
    np.divide(readers - method, readers, out=shares, where=readers > 0)
    return shares
