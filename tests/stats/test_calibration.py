"""Do probabilities mean what they say?"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from heatproof.stats.calibration import calibration

cases = st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=40)


@given(cases, st.integers(1, 12))
def test_bins_and_brier_equal_scikit_learn(rows: list[tuple[int, bool]], bins: int) -> None:
    # A little off the edges of bins, where the two differ on which side an edge belongs to.
    probabilities = np.array([0.0001 + p / 20.01 for p, _ in rows])
    labels = np.array([y for _, y in rows])
    found = calibration(probabilities, labels, [str(i) for i in range(len(rows))], bins)
    assert found.brier == pytest.approx(brier_score_loss(labels, probabilities))
    observed, stated = calibration_curve(labels, probabilities, n_bins=bins)
    assert [part.observed.value for part in found.bins] == pytest.approx(list(observed))
    assert [part.probability for part in found.bins] == pytest.approx(list(stated))
    assert sum(part.observed.cases for part in found.bins) == found.cases == len(rows)
    assert all(part.low <= part.probability <= part.high for part in found.bins)
    assert 0 <= found.ece <= 1


def test_the_last_bin_holds_one() -> None:
    found = calibration(np.array([0.0, 0.1, 1.0]), np.array([False, False, True]), list("abc"))
    assert [(part.low, part.high) for part in found.bins] == [(0, 0.1), (0.1, 0.2), (0.9, 1)]


def test_probabilities_that_are_true_are_calibrated() -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.random(20_000)
    labels = generator.random(20_000) < probabilities
    names = [str(index) for index in range(20_000)]
    assert calibration(probabilities, labels, names).ece < 0.01
    overconfident = np.where(probabilities > 0.5, 0.99, 0.01)
    assert calibration(overconfident, labels, names).ece == pytest.approx(0.24, abs=0.02)


def test_what_is_not_told_is_left_out() -> None:
    found = calibration(np.array([np.nan, 0.2]), np.array([True, False]), ["a", "b"])
    assert (found.cases, found.brier) == (1, pytest.approx(0.04))
    none = calibration(np.array([np.nan]), np.array([True]), ["a"])
    assert (none.bins, none.cases) == ((), 0)
    assert math.isnan(none.brier)
    assert math.isnan(none.ece)
