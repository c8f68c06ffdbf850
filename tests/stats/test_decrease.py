"""The percentage decrease: its definition, what undefined values do, and its interval by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heatproof.stats.contributions import Contributions
from heatproof.stats.decrease import decrease
from heatproof.stats.hall import certainty

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
    found = decrease(multiple * readers, readers, each(40))
    for estimate in (*found.findings, found.macro):
        expected = pytest.approx(1 - multiple)
        assert (estimate.value, estimate.low, estimate.high) == (expected,) * 3


def test_intervals_are_what_leaving_patients_out_by_hand_gives() -> None:
    method, readers = scores(1, images=12, findings=2)
    patients = np.array([str(index // 2) for index in range(12)])

    def shares(rows: np.ndarray) -> np.ndarray:
        s, h = (np.nanmean(table[rows], axis=0) for table in (method, readers))
        return np.append((h - s) / h, (h.mean() - s.mean()) / h.mean())

    whole = shares(patients != "")
    found = decrease(method, readers, list(patients))
    tables = (method[:, [0]], method[:, [1]], method)
    for place, (estimate, table) in enumerate(
        zip((*found.findings, found.macro), tables, strict=True)
    ):
        # A patient without an image of the finding is none of its patients.
        names = np.unique(patients[np.isfinite(table).any(axis=1)])
        left = np.array([shares(patients != name)[place] for name in names])
        pseudo = (len(left) - 1) * (left.mean() - left)
        expected = certainty(Contributions(whole[place], {"patients": pseudo}))
        assert estimate.value == pytest.approx(whole[place])
        assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high))
        assert f"{len(names)} clusters" in estimate.method


def test_the_macro_interval_of_one_finding_is_that_of_the_finding() -> None:
    method, readers = scores(3, findings=1)
    found = decrease(method, readers, each(40))
    assert found.findings == (found.macro,)


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
