"""A share of images, such as a sensitivity, with an interval that holds near 0 and 1.

Wilson's interval (Wilson 1927) on the effective sample size: n over the design effect of the
clusters, which is how much more the share varies when patients are drawn instead of images (Rao &
Scott, Biometrics 1992), never more than n.  With one image per patient it is the plain Wilson
interval.  Where all images agree the design effect cannot be seen; n is then that of clusters.
"""

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist

import numpy as np
from jaxtyping import Bool

from heatproof.stats.clusters import membership
from heatproof.types import Estimate


def proportion(
    hits: Bool[np.ndarray, " n"], clusters: Sequence[str], level: float = 0.95
) -> Estimate:
    """The share of hits, with its interval; ``nan`` where there is nothing to hit."""
    cases = len(hits)
    if cases == 0:
        nan = float("nan")
        return Estimate(nan, nan, nan, level, 0, "no case")
    share = float(hits.mean())
    effective = _effective(hits, clusters, share)
    low, high = wilson(share, effective, level)
    method = "Wilson" if effective == cases else f"Wilson, effective n {effective:.1f}"
    return Estimate(share, low, high, level, cases, method)


def wilson(share: float, n: float, level: float) -> tuple[float, float]:
    """Wilson's interval of a share among n."""
    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = sqrt(z2 * share * (1 - share) / n + (z2 / (2 * n)) ** 2) / (1 + z2 / n)
    # Rounding must not push an end past the share itself.
    return max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share))


def _effective(hits: Bool[np.ndarray, " n"], clusters: Sequence[str], share: float) -> float:
    members, size = membership(clusters)
    cases = len(hits)
    if size == cases:
        return float(cases)
    if size == 1 or share in (0, 1):
        return float(size)
    residuals = np.bincount(members, hits - share, size)
    # This is the variance that independent images would give, by which the design effect is
    # measured.
    simple = cases * share * (1 - share) * cases / (cases - 1)
    effect = float(residuals @ residuals) * size / (size - 1) / simple
    return cases / max(1.0, effect)
