"""Many tests at once: p-values that keep the chance of any false alarm in a family below alpha.

Bonferroni multiplies each by the number of tests; Holm (1979) the smallest by that number, the next
by one less, and so on, never letting the order turn: it holds what Bonferroni holds, and finds
more.  Tests whose p is ``nan`` were not made: they stay ``nan`` and do not count.
"""

from typing import Literal

import numpy as np
from jaxtyping import Float

Correction = Literal["holm", "bonferroni"]


def adjusted(p: Float[np.ndarray, " t"], correction: Correction = "holm") -> np.ndarray:
    """The corrected p-values of one family of tests, at most 1."""
    # Not by statsmodels, which collects garbage in every call: .2 s each.
    order = np.argsort(p)[: np.isfinite(p).sum()]  # nan sorts to the end
    tests = len(order) - (np.arange(len(order)) if correction == "holm" else 0)
    corrected: np.ndarray = np.full(len(p), np.nan)
    corrected[order] = np.minimum(np.maximum.accumulate(tests * p[order]), 1)
    return corrected
