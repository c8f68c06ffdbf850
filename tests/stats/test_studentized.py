"""The studentized bootstrap of pseudo-values: definitions by hand, invariances, error rates."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heatproof.stats.bootstrap import draws
from heatproof.stats.studentized import (
    Certainty,
    Population,
    StudentizedDifference,
    against_zero,
    compare,
)


def less(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return first - 0.5 * second


def population(rng: np.random.Generator, size: int, units: int) -> Population:
    values = rng.random(size)
    values[rng.random(size) < 0.1] = math.nan
    return Population(values, rng.integers(0, units, (size, 2)), rng.integers(0, 3, (size, 2)))


def by_hand(populations: list[Population], column: str) -> list[float]:
    """Pseudo-values, each from a table without the rows that are partly the unit's."""

    def number(kept: list[np.ndarray]) -> float:
        means = [
            float(np.nanmean(one.values[rows])) for one, rows in zip(populations, kept, strict=True)
        ]
        return means[0] - 0.5 * means[1]

    units = [getattr(one, column) for one in populations]
    known = [np.isfinite(one.values) for one in populations]
    present = sorted(
        {int(u) for of, rows in zip(units, known, strict=True) for u in of[rows].ravel()}
    )
    whole = number([np.ones(len(one.values), bool) for one in populations])
    return [
        len(present) * whole
        - (len(present) - 1) * number([~(of == unit).any(axis=1) for of in units])
        for unit in present
    ]


@pytest.mark.parametrize("seed", range(5))
def test_pseudo_values_are_what_leaving_each_unit_out_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    both = [population(rng, 40, 6), population(rng, 25, 6)]
    found = compare(less, both)
    for column in ("patients", "models"):
        expected = np.array(by_hand(both, column))
        assert getattr(found, column) == pytest.approx(expected - expected.mean())


def test_of_a_plain_mean_they_are_the_values_and_their_variance_is_the_usual_one() -> None:
    values = np.random.default_rng(0).random(20)
    found = compare(lambda mean: mean, [Population(values, np.arange(20)[:, None])])
    assert found.patients == pytest.approx(values - values.mean())
    assert found.variances == pytest.approx((values.var(ddof=1) / 20, 0.0))


def test_a_pair_belongs_to_both_its_patients() -> None:
    """Values a + b of all pairs: the mean is 2 mean(a), so each patient adds 2 a."""
    own = np.random.default_rng(0).random(9)
    pairs = np.array(list(combinations(range(9), 2)))
    found = compare(lambda mean: mean, [Population(own[pairs].sum(axis=1), pairs)])
    assert found.patients == pytest.approx(2 * (own - own.mean()))


def test_interval_and_p_are_those_of_replicates_drawn_by_hand() -> None:
    values = np.random.default_rng(3).exponential(size=8) - 0.2
    one = compare(lambda mean: mean, [Population(values, np.arange(8)[:, None])])
    [found] = against_zero([one], resamples=399, seed=4)
    mean, error = values.mean(), values.std(ddof=1) / math.sqrt(8)
    replicates = []
    for counts in np.concatenate(list(draws(8, 399, 4))):
        drawn = np.repeat(values, counts.astype(int))
        replicates.append((drawn.mean() - mean) / (drawn.std() / math.sqrt(7)))
    ordered = sorted(replicates)
    assert found.low == pytest.approx(mean - ordered[-10] * error)  # 10 = .025 x 400
    assert found.high == pytest.approx(mean - ordered[9] * error)
    assert found.above == pytest.approx((1 + sum(t >= mean / error for t in replicates)) / 400)
    assert found.below == pytest.approx((1 + sum(t <= mean / error for t in replicates)) / 400)


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=30), st.floats(-0.5, 0.5))
def test_the_interval_leaves_0_out_just_when_p_is_below_its_tail(
    values: list[float], shift: float
) -> None:
    shifted = np.array(values) + shift
    one = compare(lambda mean: mean, [Population(shifted, np.arange(len(values))[:, None])])
    [found] = against_zero([one], resamples=199)
    assert (found.low > 1e-9) == (found.above <= 0.025)
    assert (found.high < -1e-9) == (found.below <= 0.025)
    assert not found.low > found.high


def test_comparisons_are_tested_together_as_alone() -> None:
    rng = np.random.default_rng(1)
    many = [
        compare(less, [population(rng, 30, units), population(rng, 30, units)])
        for units in (5, 9, 5, 9)
    ]
    nothing = StudentizedDifference(math.nan, np.empty(0), np.empty(0))
    together = against_zero([*many, nothing])
    assert together[:4] == [against_zero([one])[0] for one in many]
    assert together[4].above == together[4].below == 1
    assert math.isnan(together[4].low)


@pytest.mark.parametrize(
    ("value", "above", "below"),
    [(0.3, 1 / 2001, 1.0), (-0.3, 1.0, 1 / 2001), (0.0, 1.0, 1.0), (1e-12, 1.0, 1.0)],
)
def test_what_does_not_vary_is_certain(value: float, above: float, below: float) -> None:
    constant = Population(np.full(5, value), np.arange(5)[:, None])
    assert against_zero([compare(lambda mean: mean, [constant])]) == [
        Certainty(value, value, value, above, below)
    ]


def test_nothing_is_told_where_one_patient_holds_a_whole_population() -> None:
    lone = Population(np.array([0.5, 0.6]), np.array([[0], [0]]))
    many = Population(np.random.default_rng(0).random(9), np.arange(9)[:, None])
    [found] = against_zero([compare(less, [many, lone])])
    assert math.isnan(found.low)
    assert (found.above, found.below) == (1, 1)


def test_an_empty_population_gives_no_number() -> None:
    empty = Population(np.array([math.nan]), np.array([[0]]))
    many = Population(np.random.default_rng(0).random(9), np.arange(9)[:, None])
    assert math.isnan(compare(less, [many, empty]).value)


def test_skewed_values_mislead_at_most_as_often_as_said() -> None:
    """30 patients, exponential values; a plain interval misses on the high side far more often."""
    rng = np.random.default_rng(0)
    patients = np.arange(30)[:, None]
    many = [
        compare(lambda mean: mean, [Population(rng.exponential(size=30) - 1, patients)])
        for _ in range(600)
    ]
    tested = against_zero(many)
    assert sum(one.low > 0 for one in tested) / 600 < 0.045
    assert sum(one.high < 0 for one in tested) / 600 < 0.045
    plain = [one.value + 1.96 * math.sqrt(one.variances[0]) < 0 for one in many]
    assert sum(plain) / 600 > 0.06
