"""Choosing a threshold without looking at the answer."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heatproof.stats.operating_point import TargetSensitivity, Youden, called, cross_fitted

cases = st.lists(
    st.tuples(st.one_of(st.just(None), st.integers(0, 8)), st.booleans()), min_size=1, max_size=25
)


def split(rows: list[tuple[int | None, bool]]) -> tuple[np.ndarray, np.ndarray]:
    told = np.array([np.nan if p is None else p / 8 for p, _ in rows])
    return told, np.array([y for _, y in rows])


def rate(probabilities: np.ndarray, chosen: np.ndarray, threshold: float) -> float:
    told = probabilities[chosen & np.isfinite(probabilities)]
    return float(np.mean(told >= threshold)) if len(told) else math.nan


@given(cases)
@settings(max_examples=50)
def test_no_threshold_beats_youdens(rows: list[tuple[int | None, bool]]) -> None:
    probabilities, labels = split(rows)
    threshold = Youden()(probabilities, labels)

    def youden(at: float) -> float:
        return rate(probabilities, labels, at) - rate(probabilities, ~labels, at)

    tried = [youden(at) for at in np.linspace(-0.01, 1, 99)]
    if math.isnan(threshold):
        assert np.isnan(tried).all()  # one class only
    else:
        assert youden(threshold) >= max(tried) - 1e-12 or max(tried) == 0


@given(cases, st.sampled_from([0.5, 0.8, 0.9, 1.0]))
@settings(max_examples=50)
def test_the_target_sensitivity_is_reached_and_barely(
    rows: list[tuple[int | None, bool]], target: float
) -> None:
    probabilities, labels = split(rows)
    threshold = TargetSensitivity(target)(probabilities, labels)
    if math.isnan(threshold):
        assert math.isnan(rate(probabilities, labels, 0.5))
        return
    assert rate(probabilities, labels, threshold) >= target
    higher = probabilities[np.isfinite(probabilities) & (probabilities > threshold)]
    if len(higher):
        assert rate(probabilities, labels, higher.min() + 1e-9) < target


def test_calls_are_at_or_above_the_threshold() -> None:
    found = called(np.array([0.1, 0.5, 0.9, np.nan, 0.9]), np.array([0.5, 0.5, 0.5, 0.5, math.nan]))
    assert np.array_equal(found, [0, 1, 1, np.nan, np.nan], equal_nan=True)


def study(patients: int = 60) -> tuple[np.ndarray, np.ndarray, list[str]]:
    generator = np.random.default_rng(0)
    clusters = [f"p{index // 2}" for index in range(2 * patients)]
    labels = np.repeat(generator.random(patients) < 0.3, 2)
    return generator.random(2 * patients) / 2 + 0.4 * labels, labels, clusters


def test_each_half_is_judged_at_the_threshold_of_the_other() -> None:
    probabilities, labels, clusters = study()
    seen: list[np.ndarray] = []

    def median(some: np.ndarray, truth: np.ndarray) -> float:
        seen.append(np.isin(probabilities, some))
        assert np.array_equal(truth, labels[seen[-1]])
        return float(np.median(some))

    thresholds = cross_fitted(probabilities, labels, clusters, median)
    first, second = seen
    assert np.array_equal(first, ~second)
    assert abs(int(first.sum()) - int(second.sum())) <= 2
    assert abs(int(labels[first].sum()) - int(labels[second].sum())) <= 2
    names = np.array(clusters)
    assert set(names[first]).isdisjoint(names[second])  # no patient on both sides
    for chosen_on in seen:
        assert (thresholds[~chosen_on] == np.median(probabilities[chosen_on])).all()


def test_it_is_seeded_and_one_class_makes_no_threshold() -> None:
    probabilities, labels, clusters = study()
    one = cross_fitted(probabilities, labels, clusters, Youden(), seed=1)
    assert np.array_equal(one, cross_fitted(probabilities, labels, clusters, Youden(), seed=1))
    assert np.isnan(cross_fitted(probabilities, labels & False, clusters, Youden())).all()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_patients_are_no_error(count: int) -> None:
    probabilities, labels, clusters = study(count)
    thresholds = cross_fitted(probabilities, labels, clusters, TargetSensitivity())
    assert thresholds.shape == labels.shape
