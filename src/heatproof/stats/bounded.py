"""The mean of numbers in [0, 1], with an interval that holds near the ends.

Where all numbers are 0 or 1 the mean is a share, and its interval Wilson's (``proportion.py``):
none of 15 maps that hit would otherwise be 0 with the interval [0, 0], as if the next could not.
Where all are 0, or all 1, a mean of numbers in [0, 1] varies at most as much as a share does.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from heatproof.stats import estimates
from heatproof.stats.proportion import proportion
from heatproof.types import Estimate


def mean(values: Float[np.ndarray, " n"], clusters: Sequence[str], level: float = 0.95) -> Estimate:
    """The mean of the defined values, each in [0, 1]; arguments as in ``estimates.mean``."""
    estimate = estimates.mean(values, clusters, level, bounds=(0.0, 1.0))
    defined = np.isfinite(values)
    if np.isnan(estimate.low) or not np.isin(values[defined], (0, 1)).all():
        return estimate
    names = [name for name, known in zip(clusters, defined, strict=True) if known]
    share = proportion(values[defined] == 1, names, level)
    return replace(estimate, low=share.low, high=share.high, method=share.method)
