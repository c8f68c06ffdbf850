"""What is done to films, and that maps of both films lie over the same places."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import entropy

from heatproof.trust.criteria import OfFilms, criteria
from heatproof.trust.criteria.compression import Compression
from heatproof.trust.criteria.efficient_mprt import EntropyRise
from heatproof.trust.criteria.input_noise import InputNoise
from heatproof.trust.criteria.shift import Shift

OF_FILMS = [name for name in criteria.names() if isinstance(criteria.parse(name), OfFilms)]


def film(seed=0, size=(48, 64)):
    return np.random.default_rng(seed).random(size).astype(np.float32)


def test_there_are_criteria_of_films():
    assert len(OF_FILMS) >= 4


@pytest.mark.parametrize("name", OF_FILMS)
def test_films_keep_their_size_and_range_and_are_changed_alike_each_time(name):
    criterion = criteria.parse(name)
    for level in criterion.levels:
        one, before = film(), film()
        after = criterion.changed(one, level)
        assert after.shape == one.shape
        assert after.dtype == np.float32
        assert after.min() >= 0
        assert after.max() <= 1
        assert not np.array_equal(after, one)
        np.testing.assert_array_equal(one, before)
        np.testing.assert_array_equal(criterion.changed(one, level), after)


@settings(max_examples=15)
@given(seed=st.integers(0, 100), share=st.sampled_from([0.05, 0.25, 0.5]))
def test_a_map_that_moves_with_the_film_is_the_same_map(seed, share):
    """Of a map that is the film itself nothing is left to tell the two apart."""
    one = film(seed, (40, 40))
    for name in ("flip", f"shift(share={share})"):
        criterion = criteria.parse(name)
        for level in criterion.levels:
            before, after = criterion.aligned(one[None], criterion.changed(one, level)[None], level)
            np.testing.assert_array_equal(before, after)
            assert before.size


def test_a_film_is_shifted_by_its_own_share_and_the_map_by_that_of_the_frame():
    shift, one = Shift(0.25), film(0, (40, 80))
    right, down = (shift.changed(one, level) for level in shift.levels)
    np.testing.assert_array_equal(right[:, 20:], one[:, :60])
    np.testing.assert_array_equal(right[:, :20], np.repeat(one[:, :1], 20, axis=1))
    np.testing.assert_array_equal(down[10:], one[:30])
    frame = np.arange(256.0).reshape(1, 16, 16)
    before, after = shift.aligned(frame, frame, "right")
    np.testing.assert_array_equal(after - before, 4)
    before, after = shift.aligned(frame, frame, "down")
    np.testing.assert_array_equal(after - before, 64)


def test_noise_has_its_spread_and_every_film_its_own():
    grey = np.full((200, 200), 0.5, np.float32)
    noise = InputNoise((0.02,))
    spread = noise.changed(grey, "0.02") - grey
    assert spread.std() == pytest.approx(0.02, rel=0.02)
    other = noise.changed(grey + np.float32(0.01), "0.02") - grey - np.float32(0.01)
    assert abs(np.corrcoef(spread.ravel(), other.ravel())[0, 1]) < 0.02


def test_compression_is_that_of_another_encoder_of_jpeg():
    smooth = np.linspace(0, 1, 64, dtype=np.float32)[None, :].repeat(64, axis=0)
    buffer = io.BytesIO()
    Image.fromarray(np.round(smooth * 255).astype(np.uint8)).save(buffer, "JPEG", quality=50)
    theirs = np.asarray(Image.open(buffer), np.float32) / 255
    np.testing.assert_allclose(Compression().changed(smooth, "50"), theirs, atol=2.5 / 255)


def test_rise_of_entropy_is_that_of_scipy():
    one, other = film(0)[None], film(1)[None] ** 4
    expected = [entropy(np.histogram(m, 100)[0]) for m in (one, other)]
    assert EntropyRise()(one, other)[0] == pytest.approx(expected[1] / expected[0] - 1)
    assert EntropyRise()(one, one)[0] == 0
    assert np.isnan(EntropyRise()(one, np.ones_like(one))[0])
