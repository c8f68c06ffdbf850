"""Values of maps with fewer significant bits, which compress better.

Rounding is relative to each value, so that maps of any scale lose the same share of it, and none
becomes zero or infinite (Klöwer et al. 2021, doi:10.1038/s43588-021-00156-2).
"""

import numpy as np
from jaxtyping import Float32

SIGNIFICANT = 24  # bits of a float32, of which the first is not stored


def rounded(values: Float32[np.ndarray, "..."], bits: int) -> Float32[np.ndarray, "..."]:
    """The nearest values of so many significant bits; of two that are as near, the even one.

    The error is at most ``2 ** -bits`` of each value.  Values that are not finite, smaller than any
    normal number, or as large as none of so many bits stay as they are.

    Args:
        values: Any values.
        bits: Significant bits that are kept, 1 to 24; 24 keeps all.
    """
    dropped = SIGNIFICANT - bits
    if not dropped:
        return values
    whole = np.ascontiguousarray(values).view(np.uint32)
    one, kept = np.uint32(1), np.uint32((0xFFFFFFFF << dropped) & 0xFFFFFFFF)
    odd = (whole >> np.uint32(dropped)) & one
    # Half of the last bit that is kept, less one where it is even: so ties go to the even value.
    up = whole + np.uint32((1 << (dropped - 1)) - 1) + odd
    nearest = (up & kept).view(np.float32)
    normal = np.isfinite(values) & (np.abs(values) >= np.finfo(np.float32).tiny)
    return np.where(normal & np.isfinite(nearest), nearest, values)
