"""The cluster bootstrap: definitions, invariances, coverage."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heatproof.stats import bootstrap

values = st.lists(
    st.tuples(st.one_of(st.just(float("nan")), st.floats(0, 1)), st.sampled_from("abcdef")),
    max_size=20,
)


def split(rows: list[tuple[float, str]]) -> tuple[np.ndarray, list[str]]:
    return np.array([value for value, _ in rows], float), [name for _, name in rows]


@given(values)
def test_the_value_is_the_mean_of_what_is_defined(rows: list[tuple[float, str]]) -> None:
    numbers, clusters = split(rows)
    found = bootstrap.mean(numbers, clusters, resamples=50)
    defined = numbers[np.isfinite(numbers)]
    assert found.cases == len(defined)
    expected = math.fsum(defined) / len(defined) if len(defined) else math.nan
    assert found.value == pytest.approx(expected, nan_ok=True)
    informative = {name for value, name in rows if math.isfinite(value)}
    if len(informative) < 2:
        assert math.isnan(found.low)
        assert math.isnan(found.high)
    elif not math.isnan(found.low):
        assert defined.min() - 1e-9 <= found.low <= found.high <= defined.max() + 1e-9
    undefined = len(numbers) - len(defined)
    assert (f"{undefined} undefined left out" in found.method) == (undefined > 0)


def test_replicates_are_what_drawing_patients_by_hand_gives() -> None:
    numbers = np.array([0.1, 0.9, np.nan, 0.4, 0.7])
    clusters = ["a", "b", "b", "c", "a"]
    images = {"a": [0.1, 0.7], "b": [0.9], "c": [0.4]}
    [drawn] = bootstrap.draws(3, 200, seed=5)
    assert (drawn.sum(axis=1) == 3).all()
    by_hand = [
        np.mean(
            [v for count, name in zip(row, "abc", strict=True) for v in images[name] * int(count)]
        )
        for row in drawn
    ]
    found = bootstrap.mean(numbers, clusters, resamples=200, seed=5)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(by_hand, [0.025, 0.975])))


def test_replicates_without_a_case_are_left_out() -> None:
    """Spec D07: they must not make the upper end nan."""
    numbers = np.full(50, np.nan)
    numbers[:2] = 0.2, 0.6
    found = bootstrap.mean(numbers, [str(index) for index in range(50)])
    assert (found.value, found.low, found.high) == pytest.approx((0.4, 0.2, 0.6))


def test_equal_seeds_give_equal_intervals_and_names_do_not_matter() -> None:
    numbers = np.random.default_rng(0).random(30)
    clusters = [f"p{index // 3}" for index in range(30)]
    found = bootstrap.mean(numbers, clusters, seed=1)
    assert found == bootstrap.mean(numbers, clusters, seed=1)
    assert found == bootstrap.mean(numbers, [name[::-1] + "x" for name in clusters], seed=1)
    assert found.low != bootstrap.mean(numbers, clusters, seed=2).low


def test_blocks_of_draws_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(bootstrap.draws(7, 100, seed=3)))
    monkeypatch.setattr(bootstrap, "_BLOCK", 70)
    assert len(list(bootstrap.draws(7, 100, seed=3))) == 10
    assert np.array_equal(np.concatenate(list(bootstrap.draws(7, 100, seed=3))), whole)


def test_images_of_one_patient_make_the_interval_wider() -> None:
    generator = np.random.default_rng(0)
    numbers = np.repeat(generator.random(20), 10)
    patients = [str(index // 10) for index in range(200)]
    images = [str(index) for index in range(200)]
    wide, narrow = bootstrap.mean(numbers, patients), bootstrap.mean(numbers, images)
    assert wide.high - wide.low > 2.5 * (narrow.high - narrow.low)


def test_a_difference_is_paired() -> None:
    generator = np.random.default_rng(0)
    hard = generator.random(40)
    first, second = hard + 0.1, hard.copy()
    second[3] = np.nan
    clusters = [str(index) for index in range(40)]
    found = bootstrap.difference(first, second, clusters)
    assert (found.value, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    assert found.cases == 39
    other = bootstrap.difference(second, first, clusters)
    assert other.value == pytest.approx(-found.value)


def test_95_percent_intervals_hold_the_truth_95_percent_of_the_time() -> None:
    """80 patients with one to five images that resemble each other; truth 0."""
    generator = np.random.default_rng(0)
    patients = [str(p) for p in range(80) for _ in range(1 + p % 5)]
    held = {"patient": 0, "image": 0}
    for _ in range(400):
        own = generator.normal(size=80)
        numbers = np.array([own[int(p)] for p in patients]) + generator.normal(size=len(patients))
        for by, clusters in (
            ("patient", patients),
            ("image", [str(i) for i in range(len(numbers))]),
        ):
            found = bootstrap.mean(numbers, clusters, resamples=500)
            held[by] += found.low <= 0 <= found.high
    assert 0.92 <= held["patient"] / 400 <= 0.975
    assert held["image"] / 400 < 0.9  # pretending that images are independent does not


def weighted_mean(numbers: np.ndarray) -> bootstrap.Statistic:
    defined = np.isfinite(numbers)

    def compute(weights: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return weights[:, defined] @ numbers[defined] / weights[:, defined].sum(axis=1)

    return compute


@given(values)
def test_a_statistic_that_is_a_mean_has_the_interval_of_the_mean(
    rows: list[tuple[float, str]],
) -> None:
    numbers, clusters = split(rows)
    found = bootstrap.statistic(
        weighted_mean(numbers), np.isfinite(numbers), clusters, resamples=50
    )
    mean = bootstrap.mean(numbers, clusters, resamples=50)
    for name in ("value", "low", "high", "cases"):
        assert getattr(found, name) == pytest.approx(getattr(mean, name), nan_ok=True)


def test_a_statistic_is_the_same_in_small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = np.random.default_rng(0).random(12)
    clusters = [str(index // 2) for index in range(12)]
    cases = np.ones(12, bool)
    whole = bootstrap.statistic(weighted_mean(numbers), cases, clusters, seed=4)
    monkeypatch.setattr(bootstrap, "_BLOCK", 30)
    assert bootstrap.statistic(weighted_mean(numbers), cases, clusters, seed=4) == whole
