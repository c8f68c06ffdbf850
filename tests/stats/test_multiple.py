"""Corrections for many tests: their definitions, and what they promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from heatproof.stats.multiple import adjusted

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=8).map(np.array)


@given(p_values)
def test_bonferroni_multiplies_by_the_number_of_tests(p: np.ndarray) -> None:
    assert adjusted(p, "bonferroni") == pytest.approx(np.minimum(1, len(p) * p))


@given(p_values)
def test_holm_steps_down(p: np.ndarray) -> None:
    order = sorted(range(len(p)), key=lambda index: p[index])
    expected, largest = np.empty(len(p)), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - rank) * p[index]))
        expected[index] = largest
    assert adjusted(p) == pytest.approx(expected)


@given(p_values)
def test_holm_finds_at_least_what_bonferroni_finds(p: np.ndarray) -> None:
    assert (p - 1e-15 <= adjusted(p)).all()
    assert (adjusted(p) <= adjusted(p, "bonferroni") + 1e-15).all()


def test_it_is_statsmodels() -> None:
    p = np.random.default_rng(0).uniform(0, 0.3, 9)
    for correction in ("holm", "bonferroni"):
        assert adjusted(p, correction) == pytest.approx(multipletests(p, method=correction)[1])


def test_tests_that_were_not_made_do_not_count() -> None:
    found = adjusted(np.array([0.01, np.nan, 0.04]), "bonferroni")
    assert found == pytest.approx([0.02, np.nan, 0.08], nan_ok=True)
    assert np.isnan(adjusted(np.array([np.nan]))).all()
