"""Energy inside, relevance mass and relevance rank: sums pixel by pixel, and special cases."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from heatproof.localize.metrics.energy import EnergyInside
from heatproof.localize.metrics.relevance_mass import RelevanceMass
from heatproof.localize.metrics.relevance_rank import RelevanceRank

shapes = st.shared(hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6), key="shape")
masks = hnp.arrays(bool, shapes)
maps = hnp.arrays(np.float32, shapes, elements=st.integers(-4, 4).map(float))
small = st.shared(hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=3), key="small")


@given(maps, masks)
def test_sums_pixel_by_pixel(saliency: np.ndarray, mask: np.ndarray) -> None:
    assume(mask.any())
    low, high = float(saliency.min()), float(saliency.max())
    for metric, weight in (
        (EnergyInside(), lambda value: (value - low) / (high - low) if high > low else 0),
        (RelevanceMass(), lambda value: max(value, 0)),
        (RelevanceMass("absolute"), abs),
    ):
        inside = total = 0.0
        for place in np.ndindex(mask.shape):
            total += weight(float(saliency[place]))
            inside += weight(float(saliency[place])) if mask[place] else 0
        expected = inside / total if total else float("nan")
        assert metric(saliency, mask) == pytest.approx(expected, nan_ok=True)


def test_only_the_mass_knows_what_zero_is() -> None:
    """Half the film says nothing, one pixel speaks for the finding and one against it."""
    saliency = np.array([[0, 0, 4, -4]], np.float32)
    mask = np.array([[False, False, True, False]])
    assert RelevanceMass()(saliency, mask) == 1
    assert RelevanceMass("absolute")(saliency, mask) == 0.5
    assert EnergyInside()(saliency, mask) == 0.5  # 1 of 0.5 + 0.5 + 1 + 0


@given(
    hnp.arrays(np.float32, small, elements=st.integers(0, 2).map(float)), hnp.arrays(bool, small)
)
def test_rank_is_the_mean_over_every_way_to_break_ties(
    saliency: np.ndarray, mask: np.ndarray
) -> None:
    """Of all sets of K pixels that no other pixel outranks."""
    assume(mask.any())
    values, marked = saliency.ravel(), mask.ravel()
    k = int(marked.sum())
    shares = [
        np.mean([marked[i] for i in chosen])
        for chosen in itertools.combinations(range(values.size), k)
        if all(
            values[i] <= min(values[j] for j in chosen)
            for i in range(values.size)
            if i not in chosen
        )
    ]
    assert RelevanceRank()(saliency, mask) == pytest.approx(np.mean(shares))


def test_a_constant_map_gets_the_share_that_is_marked() -> None:
    mask = np.zeros((4, 5), bool)
    mask[:2, :2] = True
    assert RelevanceRank()(np.ones((4, 5), np.float32), mask) == pytest.approx(0.2)
    assert RelevanceMass()(np.ones((4, 5), np.float32), mask) == pytest.approx(0.2)
    assert np.isnan(EnergyInside()(np.ones((4, 5), np.float32), mask))
