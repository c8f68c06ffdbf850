"""Which of several places that tie lies in their middle."""

import numpy as np
from jaxtyping import Int


def nearest_to_centroid(rows: Int[np.ndarray, " n"], columns: Int[np.ndarray, " n"]) -> int:
    """The index of the place nearest to the centroid of all, the first of several.

    Whole numbers are squared, so that places equally near are found to be.
    """
    down, across = (len(axis) * axis - axis.sum() for axis in (rows, columns))
    # Of a large film they are too large for the squares of 64 bits.
    return int(np.argmin(down.astype(float) ** 2 + across.astype(float) ** 2))
