"""Marks: flood fill by hand, and the peak of each part."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from heatproof.localize.marks import MOST, marks
from heatproof.maps.binarize import Fixed

maps = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9),
    elements=st.integers(0, 5).map(float),
)


def parts(mask: np.ndarray) -> list[set[tuple[int, int]]]:
    left, found = {(int(r), int(c)) for r, c in np.argwhere(mask)}, []
    while left:
        grown, edge = set(), {left.pop()}
        while edge:
            grown |= edge
            beside = {(r + i, c + j) for r, c in edge for i in (-1, 0, 1) for j in (-1, 0, 1)}
            edge = beside & left
            left -= edge
        found.append(grown)
    return found


@given(maps)
@settings(max_examples=60)
def test_equals_a_flood_fill(saliency: np.ndarray) -> None:
    cut = Fixed(0.5)
    mask, found = cut(saliency), marks(saliency, cut)
    assert (mask is None) == (found is None)
    if mask is None or found is None:
        return
    low, high = saliency.min(), saliency.max()
    assert list(found.strength) == sorted(found.strength, reverse=True)
    marked = list(zip(found.strength, found.peaks.tolist(), found.boxes.tolist(), strict=True))
    regions = parts(mask)
    assert len(marked) == len(regions)
    for part in regions:
        rows, columns = zip(*part, strict=True)
        box = (min(columns), min(rows), np.ptp(columns) + 1, np.ptp(rows) + 1)
        top = max(saliency[place] for place in part)
        tied = np.array([place for place in part if saliency[place] == top])
        # Squared distances to the centroid, times the square of the count: whole numbers.
        distances = ((len(tied) * tied - tied.sum(axis=0)) ** 2).sum(axis=1)
        nearest = {tuple(place) for place in tied[distances == distances.min()].tolist()}
        [(strength, peak, ours)] = [mark for mark in marked if tuple(mark[1]) in part]
        assert strength == pytest.approx((top - low) / (high - low))
        assert tuple(peak) in nearest  # equally near ones are told apart by rounding alone
        assert tuple(ours) == box


def test_noise_makes_no_more_than_the_strongest() -> None:
    saliency = np.random.default_rng(0).random((200, 300)).astype(np.float32)
    found = marks(saliency, Fixed(0.9))
    assert found is not None
    assert len(found.strength) == MOST
    assert found.strength.min() > 0.98
