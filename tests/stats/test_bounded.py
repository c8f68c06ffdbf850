"""A mean of numbers between 0 and 1 has an interval that means something at 0 and 1 too."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heatproof.stats import bounded, estimates

PATIENTS = [f"p{index // 2}" for index in range(30)]


def test_none_of_fifteen_may_still_be_a_fifth():
    found = bounded.mean(np.zeros(15), [str(i) for i in range(15)])
    assert (found.value, found.low, found.cases) == (0, 0, 15)
    assert found.high == pytest.approx(0.2039, abs=1e-4)  # z² / (n + z²), Wilson 1927


def test_all_hits_mirror_no_hit_and_patients_count_once():
    none, every = (bounded.mean(np.full(30, value), PATIENTS) for value in (0.0, 1.0))
    assert (every.low, every.high) == pytest.approx((1 - none.high, 1 - none.low))
    one_film_each = bounded.mean(np.zeros(15), PATIENTS[::2])
    assert none.high == one_film_each.high


def test_undefined_values_stand_behind_nothing():
    values = np.array([0.0] * 6 + [np.nan] * 24)
    assert bounded.mean(values, PATIENTS).high == bounded.mean(values[:6], PATIENTS[:6]).high
    assert np.isnan(bounded.mean(np.full(30, np.nan), PATIENTS).low)
    assert np.isnan(bounded.mean(np.zeros(1), ["p"]).high)  # a single patient has no interval


@given(st.lists(st.floats(0, 1), min_size=30, max_size=30))
@settings(max_examples=25)
def test_elsewhere_it_is_the_mean_within_its_bounds(values: list[float]) -> None:
    found = bounded.mean(np.array(values), PATIENTS)
    assert 0 <= found.low <= found.value + 1e-9
    assert found.value <= found.high + 1e-9
    assert found.high <= 1
    if set(values) - {0, 1}:
        assert found == estimates.mean(np.array(values), PATIENTS, bounds=(0.0, 1.0))


def test_hits_and_misses_have_wilsons_interval_and_conclude_as_other_means_do():
    hits = np.array([1.0] * 9 + [0.0] * 21)
    names = [str(i) for i in range(30)]
    found = bounded.mean(hits, names)
    centre, half = (9 + 1.9207) / (30 + 3.8415), 1.96 * np.sqrt(30 * 0.21 + 0.9604) / 33.8415
    assert (found.low, found.high) == pytest.approx((centre - half, centre + half), abs=1e-4)
    assert "Wilson" in found.method
    assert found.hindrance == estimates.mean(hits, names).hindrance == ""
    assert "0 of 30 differ" in bounded.mean(np.zeros(30), names).hindrance
