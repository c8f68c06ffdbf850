"""Many tests at once: p-values that keep the chance of any false alarm in a family below alpha.

Bonferroni multiplies each by the number of tests; Holm (1979) the smallest by that number, the next
by one less, and so on, never letting the order turn: it holds what Bonferroni holds, and finds
more.  Tests whose p is ``nan`` were not made: they stay ``nan`` and do not count.
"""

from typing import Literal

import numpy as np
from jaxtyping import Float
from statsmodels.stats.multitest import multipletests

Correction = Literal["holm", "bonferroni"]


def adjusted(p: Float[np.ndarray, " t"], correction: Correction = "holm") -> np.ndarray:
    """The p-values of one family, corrected, at most 1."""
    corrected: np.ndarray = np.full(len(p), np.nan)
    made = np.isfinite(p)
    if made.any():
        corrected[made] = multipletests(p[made], method=correction)[1]
    return corrected
