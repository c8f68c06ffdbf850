"""Spearman: SciPy's, weights as repetitions, and what it must not depend on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr

from heatproof.stats import bootstrap
from heatproof.stats.correlation import fisher, spearman

pairs = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=20)


def each(count: int) -> list[str]:
    return [str(index) for index in range(count)]


@given(pairs)
def test_it_is_scipys(rows: list[tuple[int, int]]) -> None:
    first, second = np.array(rows, float).T
    found = spearman(first, second, each(len(rows)), resamples=10).value
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(spearmanr(first, second).statistic)


def test_resamples_are_what_drawing_patients_by_hand_gives() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 6, (2, 14)).astype(float)
    patients = [str(index // 2) for index in range(14)]
    [drawn] = bootstrap.draws(7, 100, seed=2)
    by_hand = []
    for row in drawn:
        rows = [image for image in range(14) for _ in range(int(row[image // 2]))]
        by_hand.append(spearmanr(first[rows], second[rows]).statistic)
    found = spearman(first, second, patients, resamples=100, seed=2)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(by_hand, [0.025, 0.975])))


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
