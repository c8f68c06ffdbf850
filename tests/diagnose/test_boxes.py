"""Boxes: definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from heatproof.diagnose.boxes import coverage
from heatproof.localize.metrics.boxed import boxed
from tests.diagnose import suzuki

masks = hnp.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))


@given(masks)
def test_every_part_has_its_box(mask: np.ndarray) -> None:
    expected = np.zeros_like(mask)
    for part in suzuki.parts(mask):
        columns, rows = zip(*part, strict=True)
        expected[min(rows) : max(rows) + 1, min(columns) : max(columns) + 1] = True
    assert np.array_equal(boxed(mask), expected)


@given(masks)
def test_boxes_hold_the_mask_and_coverage_is_its_share_of_them(mask: np.ndarray) -> None:
    assert boxed(mask)[mask].all()
    if mask.any():
        assert coverage(mask) == pytest.approx(mask.sum() / boxed(mask).sum())
    else:
        assert np.isnan(coverage(mask))


def test_a_diagonal_line_is_hardly_in_its_box() -> None:
    assert coverage(np.eye(50, dtype=bool)) == pytest.approx(1 / 50)
