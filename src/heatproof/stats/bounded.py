"""The mean of numbers in [0, 1], with an interval that holds where all of them are 0, or all 1.

There every replicate of a bootstrap is the same: none of 15 maps that hit would be 0 with the
interval [0, 0], as if the next could not.  A mean of numbers in [0, 1] varies at most as much as a
share does, so the interval is then Wilson's for a share of the clusters (see ``proportion``).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from heatproof.stats import bootstrap
from heatproof.stats.proportion import wilson
from heatproof.types import Estimate


def mean(
    values: Float[np.ndarray, " n"],
    clusters: Sequence[str],
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """The mean of the defined values, each in [0, 1]; arguments as in ``bootstrap.mean``."""
    estimate = bootstrap.mean(values, clusters, resamples, level, seed)
    if not (estimate.low == estimate.high and estimate.value in (0, 1)):
        return estimate
    defined = np.isfinite(values)
    number = float(
        len({cluster for cluster, is_defined in zip(clusters, defined, strict=True) if is_defined})
    )
    low, high = wilson(estimate.value, number, level)
    return replace(estimate, low=low, high=high, method=f"Wilson's interval of {number:g} clusters")
