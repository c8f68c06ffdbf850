"""What a unit adds to a number: each pseudo-value from a table without the rows of that unit."""

import math
from itertools import combinations

import numpy as np
import pytest

from heatproof.stats.contributions import Contributions, Population, centred, contributions


def less(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return first - 0.5 * second


def mean(of: np.ndarray) -> np.ndarray:
    return of


def population(rng: np.random.Generator, size: int, units: int) -> Population:
    values = rng.random(size)
    values[rng.random(size) < 0.1] = math.nan
    return Population(
        values,
        {
            "patients": rng.integers(0, units, (size, 2)),  # now and then a patient with itself
            "models": rng.integers(0, 3, (size, 2)),
            "draws": rng.integers(-1, 4, (size, 1)),
        },
    )


def by_hand(populations: list[Population], factor: str) -> np.ndarray:
    def number(left_out: int | None) -> float:
        means = []
        for one in populations:
            rows = [
                value
                for value, units in zip(one.values, one.units[factor], strict=True)
                if math.isfinite(value) and left_out not in units
            ]
            means.append(sum(rows) / len(rows))
        return means[0] - 0.5 * means[1]

    present = {
        int(unit)
        for one in populations
        for value, units in zip(one.values, one.units[factor], strict=True)
        for unit in units
        if math.isfinite(value) and unit >= 0
    }
    size = len(present)
    pseudo = [size * number(None) - (size - 1) * number(unit) for unit in sorted(present)]
    return np.array(pseudo) - np.mean(pseudo)


@pytest.mark.parametrize("seed", range(5))
def test_pseudo_values_are_what_leaving_each_unit_out_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    both = [population(rng, 40, 6), population(rng, 25, 6)]
    found = contributions(less, both)
    assert found.value == pytest.approx(
        np.nanmean(both[0].values) - 0.5 * np.nanmean(both[1].values)
    )
    assert set(found.of) == {"patients", "models", "draws"}
    for factor, pseudo in found.of.items():
        assert pseudo == pytest.approx(by_hand(both, factor))
        assert found.units(factor) == len(pseudo)


def test_of_a_plain_mean_they_are_the_values_and_their_variance_is_the_usual_one() -> None:
    values = np.random.default_rng(0).random(20)
    found = contributions(mean, [Population(values, {"patients": np.arange(20)[:, None]})])
    assert found.of["patients"] == pytest.approx(values - values.mean())
    assert found.variance("patients") == pytest.approx(values.var(ddof=1) / 20)
    assert (found.units("models"), found.variance("models")) == (0, 0.0)


def test_a_pair_belongs_to_both_its_patients() -> None:
    """Values a + b of all pairs: the mean is 2 mean(a), so each patient adds 2 a."""
    own = np.random.default_rng(0).random(9)
    pairs = np.array(list(combinations(range(9), 2)))
    found = contributions(mean, [Population(own[pairs].sum(axis=1), {"patients": pairs})])
    assert found.of["patients"] == pytest.approx(2 * (own - own.mean()))


def test_of_crossed_factors_each_adds_its_own_effect() -> None:
    """Values a_i + b_j of all i and j."""
    rng = np.random.default_rng(0)
    patients, models = rng.normal(size=7), rng.normal(size=4)
    i, j = (grid.ravel() for grid in np.meshgrid(np.arange(7), np.arange(4)))
    units = {"patients": i[:, None], "models": j[:, None]}
    found = contributions(mean, [Population(patients[i] + models[j], units)])
    assert found.of["patients"] == pytest.approx(patients - patients.mean())
    assert found.of["models"] == pytest.approx(models - models.mean())


def test_a_population_that_hangs_on_no_unit_stays_when_units_are_left_out() -> None:
    rng = np.random.default_rng(0)
    values, fixed = rng.random(8), rng.random(3)
    units = {"patients": np.arange(8)[:, None]}
    for second in (
        Population(fixed, {}),
        Population(fixed, {"patients": np.full((3, 1), -1)}),
    ):
        found = contributions(less, [Population(values, units), second])
        assert found.of["patients"] == pytest.approx(values - values.mean())


def test_numbers_of_units_that_have_no_value_are_no_units() -> None:
    values = np.array([0.1, 0.5, math.nan, 0.9])
    found = contributions(mean, [Population(values, {"patients": np.array([[2], [7], [4], [9]])})])
    assert found.of["patients"] == pytest.approx(np.array([-0.4, 0, 0.4]))


def test_nothing_is_known_of_a_single_unit_nor_where_one_holds_a_whole_population() -> None:
    rng = np.random.default_rng(0)
    many = Population(
        rng.random(9), {"patients": np.arange(9)[:, None], "models": np.zeros((9, 1), int)}
    )
    assert contributions(mean, [many]).units("models") == 0
    lone = Population(np.array([0.5, 0.6]), {"patients": np.zeros((2, 1), int)})
    found = contributions(less, [many, lone])
    assert found.units("patients") == 0
    assert math.isfinite(found.value)


def test_an_empty_population_gives_no_number() -> None:
    empty = Population(np.array([math.nan]), {"patients": np.array([[0]])})
    many = Population(np.random.default_rng(0).random(9), {"patients": np.arange(9)[:, None]})
    found = contributions(less, [many, empty])
    assert math.isnan(found.value)
    assert found == Contributions(found.value)


def test_centred_needs_two_units_and_a_number_without_each() -> None:
    assert centred(1.0, np.array([2.0])).size == 0
    assert centred(1.0, np.array([2.0, math.nan, 1.0])).size == 0
    assert centred(1.0, np.array([2.0, 0.0])) == pytest.approx(np.array([-1.0, 1.0]))
