"""How far below the readers?  The percentage decrease from a human benchmark.

    (H - S) / H

of the mean S of a method and the mean H of readers, over the same images; positive where the method
is worse.  The macro average takes the means over findings of S and of H first, so that a finding in
which readers are poor does not decide alone.  Each patient is left out of readers, method
and all findings at once: the interval is that of a paired comparison (Saporta et al. 2022,
https://doi.org/10.1038/s42256-022-00536-x; ``chexlocalize.py`` has their own arithmetic).

An image counts where both are defined; a missing map is no excuse for a finding that readers found
hard.  Undefined (``nan``) where the readers' mean is 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from heatproof.stats.estimates import defined_rows, estimated, means_without, row_means
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
    level: float = 0.95,
) -> Decrease:
    """How far below the readers a method is.

    Args:
        method: One row per image, one column per finding; ``nan`` where undefined.
        readers: The same of the human benchmark.
        clusters: What is independent, such as ``Sample.cluster``.
        level: Coverage of the intervals, such as 0.95.
    """
    both = np.isfinite(method) & np.isfinite(readers)
    sides = np.stack([np.where(both, table, np.nan) for table in (method, readers)])
    return Decrease(
        tuple(_estimate(sides[:, :, [column]], clusters, level) for column in range(both.shape[1])),
        _estimate(sides, clusters, level),
    )


def _estimate(sides: Float[np.ndarray, "2 n k"], clusters: Sequence[str], level: float) -> Estimate:
    """The share that the mean over findings is below; both sides are defined at the same places."""
    (method, names), (readers, _) = (defined_rows(table, clusters) for table in sides)
    tables = [means_without(table, names) for table in (method, readers)]
    (mean, without), (readers_mean, readers_without) = (
        (row_means(whole), row_means(left)) for whole, left in tables
    )
    return estimated(
        float(_share(mean, readers_mean)[0]),
        _share(without, readers_without),
        cases=int(np.isfinite(method).sum()),
        informative=len(without),
        level=level,
    )


def _share(method: Float[np.ndarray, " b"], readers: Float[np.ndarray, " b"]) -> np.ndarray:
    shares: np.ndarray = np.full(readers.shape, np.nan)
    np.divide(readers - method, readers, out=shares, where=readers > 0)
    return shares
