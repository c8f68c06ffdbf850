"""What every registered similarity promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from heatproof.trust.similarity import compare, normalized, similarities

SMALL = ("hog(cell=4)",)  # a frame of 24 pixels has no 3 x 3 cells of 16
SPECS = [*similarities.names(), "ssim.published", "spearman(absolute=True)", *SMALL]
SIDE = 24
UNDEFINED_HERE = {"hog", "multi_scale_ssim"}  # too coarse for so small a frame: nan, and no error


def maps(seed, n=3, side=SIDE):
    return np.random.default_rng(seed).random((n, side, side)).astype(np.float32)


def test_there_are_similarities():
    assert len(similarities.names()) >= 8


@pytest.mark.parametrize("spec", SPECS)
@settings(max_examples=10)
@given(
    pair=arrays(
        np.float32, (2, 2, SIDE, SIDE), elements=st.floats(0, 1, width=16), fill=st.just(0.5)
    )
)
def test_symmetric_in_range_and_one_or_zero_of_a_map_with_itself(spec, pair):
    measure = similarities.parse(spec)
    one, other = pair
    there, back = measure(one, other), measure(other, one)
    np.testing.assert_allclose(there, back, atol=1e-9)
    known = there[~np.isnan(there)]
    low, high = measure.span
    assert ((low - 1e-9 <= known) & (known <= high + 1e-9)).all()
    same = measure(one, one)
    np.testing.assert_allclose(same[~np.isnan(same)], measure.itself, atol=1e-6)


@pytest.mark.parametrize("spec", SPECS)
def test_maps_are_compared_pair_by_pair_and_left_as_they_are(spec):
    measure = similarities.parse(spec)
    one, other = maps(0, side=200), maps(1, side=200)
    before = one.copy(), other.copy()
    whole = measure(one, other)
    assert whole.shape == (3,)
    assert not np.isnan(whole).any()
    alone = [measure(one[i : i + 1], other[i : i + 1])[0] for i in range(3)]
    np.testing.assert_array_equal(whole, alone)
    for now, was in zip((one, other), before, strict=True):
        np.testing.assert_array_equal(now, was)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("normalization", ["min_max", "magnitude"])
def test_a_constant_map_and_one_that_is_not_finite_have_no_similarity(spec, normalization):
    one, other = maps(0, n=4, side=200), maps(1, n=4, side=200)
    one[0], other[1, 3, 3], one[2, 0, 0] = 0.25, np.nan, np.inf
    value = compare(one, other, {spec: similarities.parse(spec)}, normalization)[spec]
    assert np.isnan(value[:3]).all()
    assert not np.isnan(value[3])


@pytest.mark.parametrize("spec", SPECS)
def test_a_map_that_is_too_small_is_undefined_and_no_error(spec):
    value = similarities.parse(spec)(maps(0, side=4), maps(1, side=4))
    assert value.shape == (3,)
    if spec in UNDEFINED_HERE or spec.startswith("ssim"):
        assert np.isnan(value).all()


def test_threads_and_their_number_change_nothing():
    measures = {spec: similarities.parse(spec) for spec in ("ssim", "spearman", "iou")}
    one, other = maps(0, n=5, side=32), maps(1, n=5, side=32)
    alone = compare(one, other, measures, threads=1)
    for threads in (2, 3, 8):
        found = compare(one, other, measures, threads=threads)
        for spec, values in alone.items():
            np.testing.assert_array_equal(found[spec], values)
    nothing = compare(one[:0], other[:0], measures)
    assert [len(values) for values in nothing.values()] == [0, 0, 0]


def test_normalizations_are_what_they_say():
    values = np.array([[[-4.0, 0.0], [1.0, 4.0]]])
    np.testing.assert_allclose(normalized(values, "min_max"), [[[0, 0.5], [0.625, 1]]])
    np.testing.assert_allclose(normalized(values, "magnitude"), [[[1, 0], [0.25, 1]]])
    np.testing.assert_array_equal(normalized(values, "none"), values)
