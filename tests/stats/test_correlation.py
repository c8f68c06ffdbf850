"""Spearman: SciPy's, its interval by hand on Fisher's scale, and what it must not depend on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr

from heatproof.stats.contributions import Contributions
from heatproof.stats.correlation import fisher, spearman
from heatproof.stats.hall import certainty

pairs = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=20)


def each(count: int) -> list[str]:
    return [str(index) for index in range(count)]


@given(pairs)
def test_it_is_scipys(rows: list[tuple[int, int]]) -> None:
    first, second = np.array(rows, float).T
    found = spearman(first, second, each(len(rows))).value
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(spearmanr(first, second).statistic)


def test_the_interval_is_what_leaving_patients_out_by_hand_gives() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 6, (2, 14)).astype(float)
    patients = np.array([str(index // 2) for index in range(14)])
    without = []
    for name in np.unique(patients):
        kept = patients != name
        without.append(np.arctanh(spearmanr(first[kept], second[kept]).statistic))
    whole = np.arctanh(spearmanr(first, second).statistic)
    pseudo = 7 * whole - 6 * np.array(without)
    expected = certainty(Contributions(whole, {"patients": pseudo - pseudo.mean()}))
    found = spearman(first, second, list(patients))
    assert (found.low, found.high) == pytest.approx(tuple(np.tanh([expected.low, expected.high])))
    assert -1 <= found.low <= found.value <= found.high <= 1


def test_of_many_independent_pairs_it_is_nearly_fishers() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 400))
    found = spearman(x, x + 2 * y, each(400))
    assert (found.low, found.high) == pytest.approx(fisher(found.value, 400), abs=0.03)


@given(pairs)
def test_the_other_way_round_mirrors_it(rows: list[tuple[int, int]]) -> None:
    first, second = np.array(rows, float).T
    one, other = spearman(first, second, each(len(rows))), spearman(-first, second, each(len(rows)))
    for side, opposite in ((one.low, other.high), (one.value, other.value)):
        assert side == pytest.approx(-opposite, abs=1e-6, nan_ok=True)
    monotone = spearman(np.exp(first), second, each(len(rows)))
    assert (monotone.low, monotone.high) == pytest.approx((one.low, one.high), nan_ok=True)


def test_a_perfect_order_has_no_interval() -> None:
    found = spearman(np.arange(30.0), np.arange(30.0) ** 2, each(30))
    assert found.value == 1
    assert np.isnan([found.low, found.high]).all()
    assert found.hindrance


@pytest.mark.parametrize("slope", [0.0, 1.0])
def test_intervals_hold_the_truth_at_least_nineteen_times_of_twenty(slope: float) -> None:
    """Truth of normal pairs: 6 / pi asin(rho / 2)."""
    generator = np.random.default_rng(0)
    truth = 6 / np.pi * np.arcsin(slope / np.hypot(1, slope) / 2)
    held = 0
    for _ in range(200):
        x, noise = generator.normal(size=(2, 30))
        found = spearman(x, slope * x + noise, each(30))
        held += found.low <= truth <= found.high
    assert held / 200 >= 0.91


def test_pairs_with_an_undefined_half_are_left_out() -> None:
    first, second = np.array([1, 2, 3, np.nan, 4]), np.array([1, 3, 2, 0, np.nan])
    found = spearman(first, second, each(5))
    assert (found.value, found.cases) == (pytest.approx(0.5), 3)
    assert spearman(np.array([np.nan]), np.array([1.0]), ["a"]).cases == 0


def test_fishers_interval_is_scipys_and_has_its_guards() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 30))
    found = pearsonr(x, y)
    assert fisher(found.statistic, 30) == pytest.approx(tuple(found.confidence_interval()))
    assert fisher(1.0, 10) == (1, 1)
    assert all(np.isnan(fisher(0.5, 3)))
    assert all(np.isnan(fisher(float("nan"), 30)))
