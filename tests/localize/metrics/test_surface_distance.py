"""Surface distance: every pair of outline pixels, and shapes whose distance is known."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from heatproof.localize.metrics.surface_distance import SurfaceDistance
from heatproof.maps.binarize import Fixed

shapes = st.shared(hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=7), key="shape")
masks = hnp.arrays(bool, shapes)
NAN = float("nan")


def rim(mask: np.ndarray) -> list[tuple[int, int]]:
    found = []
    for row, column in np.argwhere(mask):
        beside = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
        within = [0 <= r < mask.shape[0] and 0 <= c < mask.shape[1] for r, c in beside]
        if not all(ok and mask[place] for ok, place in zip(within, beside, strict=True)):
            found.append((int(row), int(column)))
    return found


def nearest(one: np.ndarray, other: np.ndarray, spacing: tuple[float, float]) -> list[float]:
    return [
        min(np.hypot((r - y) * spacing[0], (c - x) * spacing[1]) for y, x in rim(other))
        for r, c in rim(one)
    ]


@given(masks, masks, st.tuples(st.floats(0.1, 3), st.floats(0.1, 3)))
def test_equals_every_pair_of_outline_pixels(
    one: np.ndarray, other: np.ndarray, spacing: tuple[float, float]
) -> None:
    assume(one.any() and not one.all() and other.any())
    there, back = nearest(one, other, spacing), nearest(other, one, spacing)
    expected = {
        "mean": np.mean(there + back),
        "hausdorff": max(there + back),
        "hausdorff95": max(np.percentile(there, 95), np.percentile(back, 95)),
    }
    for statistic, value in expected.items():
        metric = SurfaceDistance(statistic, "mm", Fixed(0.5), spacing)  # type: ignore[arg-type]
        assert metric(one.astype(np.float32), other) == pytest.approx(value)


def test_a_square_that_is_moved() -> None:
    """3 pixels aside: the facing sides lie apart by that, in any unit."""
    one, other = np.zeros((30, 40), bool), np.zeros((30, 40), bool)
    one[5:15, 5:15] = True
    other[5:15, 8:18] = True
    saliency = one.astype(np.float32)
    assert SurfaceDistance("hausdorff", "pixels")(saliency, other) == 3
    assert SurfaceDistance("hausdorff", "diagonal")(saliency, other) == pytest.approx(3 / 50)
    across = SurfaceDistance("hausdorff", "mm", spacing=(9.0, 0.2))
    assert across(saliency, other) == pytest.approx(0.6)


def test_is_undefined_in_millimetres_where_they_are_not_known() -> None:
    mask = np.eye(4, dtype=bool)
    assert np.isnan(SurfaceDistance(unit="mm")(mask.astype(np.float32), mask))
    assert SurfaceDistance(unit="pixels")(mask.astype(np.float32), mask) == 0
    assert "spacing" in SurfaceDistance(unit="mm").undefined
    assert "spacing" not in SurfaceDistance().undefined


def test_is_undefined_where_the_map_marks_nothing() -> None:
    class Nothing:
        def __call__(self, saliency: np.ndarray) -> np.ndarray:
            return np.zeros(saliency.shape, bool)

    metric = SurfaceDistance(binarize=Nothing())  # type: ignore[arg-type]
    assert np.isnan(metric(np.eye(4, dtype=np.float32), np.eye(4, dtype=bool)))
