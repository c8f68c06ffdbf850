"""Shares of images with an interval."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from heatproof.stats.proportion import proportion


def each(count: int) -> list[str]:
    return [str(index) for index in range(count)]


@given(st.integers(1, 200), st.data())
def test_with_one_image_per_patient_it_is_wilsons_interval(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    found = proportion(np.arange(n) < hits, each(n))
    witness = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert found.value == hits / n
    assert (found.low, found.high) == pytest.approx((witness.low, witness.high), abs=1e-12)
    assert found.low <= found.value <= found.high
    assert (found.cases, found.method) == (n, "Wilson")


def test_copies_of_an_image_add_no_certainty() -> None:
    hits = np.arange(40) < 28
    once = proportion(hits, each(40))
    copied = proportion(np.repeat(hits, 5), [name for name in each(40) for _ in range(5)])
    assert copied.value == once.value
    assert copied.cases == 200
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high), abs=0.005)


@pytest.mark.parametrize("value", [True, False])
def test_where_all_agree_patients_count(value: bool) -> None:
    hits = np.full(30, value)
    found = proportion(hits, [str(index // 3) for index in range(30)])
    witness = binomtest(10 * value, 10).proportion_ci(0.95, method="wilson")
    assert (found.low, found.high) == pytest.approx((witness.low, witness.high))


def test_one_patient_is_one_case_at_best() -> None:
    found = proportion(np.array([True, False, True]), ["a", "a", "a"])
    assert found.high - found.low > 0.7


def test_no_case_is_undefined() -> None:
    found = proportion(np.zeros(0, bool), [])
    assert (math.isnan(found.value), math.isnan(found.low), found.cases) == (True, True, 0)
