"""Rounded values against frexp, value by value."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heatproof.maps.rounding import SIGNIFICANT, rounded

SINGLE = st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False)


@given(st.lists(SINGLE, min_size=1, max_size=20), st.integers(4, 24))
def test_values_are_the_nearest_of_so_many_bits(values, bits):
    found = rounded(np.array(values, np.float32), bits)
    for value, near in zip(values, found.tolist(), strict=True):
        mantissa, exponent = math.frexp(value)
        # ``round`` takes the even one of two that are as near, as IEEE 754 does.
        expected = math.ldexp(round(math.ldexp(mantissa, bits)), exponent - bits)
        if abs(expected) > float(np.finfo(np.float32).max):
            expected = value
        assert near == expected
        assert abs(near - value) <= abs(value) * 2.0**-bits


@pytest.mark.parametrize("bits", [4, 11, SIGNIFICANT])
def test_what_is_no_normal_number_stays(bits):
    odd = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-42], np.float32)
    assert rounded(odd, bits).tobytes() == odd.tobytes()
