"""The percentage decrease: its definition, what undefined values do, and its resamples by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heatproof.stats import bootstrap
from heatproof.stats.decrease import decrease

NAN = float("nan")


def scores(seed: int, images: int = 40, findings: int = 3) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    readers = generator.uniform(0.2, 0.9, (images, findings))
    method = readers * generator.uniform(0.2, 1.1, (images, findings))
    absent = generator.random((images, findings)) < 0.4
    return np.where(absent, NAN, method), np.where(absent, NAN, readers)


def each(count: int) -> list[str]:
    return [str(index) for index in range(count)]


@given(st.floats(0, 2))
@settings(max_examples=20)
def test_a_method_that_is_a_multiple_of_the_readers_is_below_them_by_the_rest(
    multiple: float,
) -> None:
    _, readers = scores(0)
    found = decrease(multiple * readers, readers, each(40), resamples=50)
    for estimate in (*found.findings, found.macro):
        expected = pytest.approx(1 - multiple)
        assert (estimate.value, estimate.low, estimate.high) == (expected,) * 3


def test_resamples_are_what_drawing_patients_by_hand_gives() -> None:
    method, readers = scores(1, images=12, findings=2)
    patients = [str(index // 2) for index in range(12)]
    [drawn] = bootstrap.draws(6, 200, seed=3)
    by_hand: list[list[float]] = []
    for row in drawn:
        means = []
        for column in range(2):
            sums = {"method": 0.0, "readers": 0.0}
            for image in range(12):
                if np.isfinite(method[image, column]):
                    times = row[image // 2]
                    sums["method"] += times * method[image, column]
                    sums["readers"] += times * readers[image, column]
            count = sum(row[i // 2] for i in range(12) if np.isfinite(method[i, column]))
            means.append((sums["method"] / count, sums["readers"] / count))
        average = tuple(sum(pair[k] for pair in means) / 2 for k in (0, 1))
        by_hand.append([(h - s) / h for s, h in (*means, average)])
    ends = np.quantile(by_hand, [0.025, 0.975], axis=0)
    found = decrease(method, readers, patients, resamples=200, seed=3)
    for place, estimate in enumerate((*found.findings, found.macro)):
        assert (estimate.low, estimate.high) == pytest.approx(tuple(ends[:, place]), abs=1e-12)


def test_an_image_counts_where_both_are_defined() -> None:
    method, readers = scores(2)
    method[0], readers[1] = NAN, NAN
    found = decrease(method, readers, each(40))
    both = np.isfinite(method) & np.isfinite(readers)
    without = decrease(np.where(both, method, NAN), np.where(both, readers, NAN), each(40))
    assert found == without
    assert [estimate.cases for estimate in found.findings] == both.sum(axis=0).tolist()


def test_a_paired_interval_is_narrower_than_that_of_shuffled_readers() -> None:
    readers = np.random.default_rng(0).uniform(0.2, 0.9, (60, 1))
    method = readers * 0.7 + 0.01
    shuffled = np.random.default_rng(1).permutation(readers)
    paired, other = (decrease(method, r, each(60)).macro for r in (readers, shuffled))
    assert other.high - other.low > 5 * (paired.high - paired.low)


def test_readers_that_never_score_leave_the_decrease_undefined() -> None:
    method, readers = np.full((5, 2), 0.5), np.full((5, 2), 0.5)
    readers[:, 0] = 0
    found = decrease(method, readers, each(5))
    assert np.isnan(found.findings[0].value)
    assert np.isnan(found.findings[0].low)
    assert found.findings[1].value == 0


def test_one_patient_has_no_interval() -> None:
    found = decrease(np.full((3, 1), 0.4), np.full((3, 1), 0.8), ["a"] * 3)
    assert found.macro.value == pytest.approx(0.5)
    assert np.isnan(found.macro.low)
