"""Intensity transforms are those of their definitions."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from heatproof.data.intensities import Intensity, intensities, is_fixed
from heatproof.errors import SpecError

OPTIONS = {"to_range": "to_range(low=-1024, high=1024)"}
SPECS = [OPTIONS.get(name, name) for name in intensities.names()]
FILM = np.random.default_rng(0).random((64, 80)).astype(np.float32)
films = arrays(np.float32, (9, 7), elements=st.floats(0, 1, width=32))


@pytest.mark.parametrize("spec", SPECS)
def test_every_intensity_transform_is_named_and_keeps_the_size(spec):
    part = intensities.parse(spec)
    assert isinstance(part, Intensity)
    assert intensities.parse(intensities.spec(part)) == part
    for film in (FILM, np.full((64, 80), 0.4, np.float32)):
        changed = part(film)
        assert changed.shape == film.shape
        assert changed.dtype == np.float32
        assert np.isfinite(changed).all()


@pytest.mark.parametrize("spec", SPECS)
def test_a_fixed_one_does_not_look_at_the_film(spec):
    """The same grey value becomes the same on two films, or the part does not say that it is."""
    part = intensities.parse(spec)
    other = FILM * 0.5 + 0.1
    other[:4] = FILM[:4]
    same = np.allclose(part(other)[:2], part(FILM)[:2], atol=1e-4)
    assert same == is_fixed(part)


@given(films)
def test_z_score_has_mean_0_and_deviation_1(film):
    scored = intensities.parse("z_score")(film).astype(float)
    assert abs(scored.mean()) < 1e-4
    assert film.std() < 1e-6 or abs(scored.std() - 1) < 1e-3


def test_zeros_stay_zeros_where_they_count_for_nothing():
    film = FILM.copy()
    film[:20] = 0
    scored = intensities.parse("z_score(nonzero=True)")(film)
    assert (scored[:20] == 0).all()
    np.testing.assert_allclose(scored[20:], intensities.parse("z_score")(film[20:]), atol=1e-5)


@given(films)
def test_min_max_spans_0_to_1(film):
    scaled = intensities.parse("min_max")(film)
    expected = (0, 1) if film.max() > film.min() else (0, 0)
    assert (scaled.min(), scaled.max()) == pytest.approx(expected, abs=1e-6)


def test_percentiles_become_0_and_1():
    part = intensities.parse("percentiles(low=10, high=80, clip=False)")
    scaled = part(FILM)
    assert np.percentile(scaled, (10, 80)) == pytest.approx((0, 1), abs=1e-5)
    clipped = intensities.parse("percentiles(low=10, high=80)")(FILM)
    np.testing.assert_array_equal(clipped, np.clip(scaled, 0, 1))


def test_ranges_are_linear():
    assert intensities.parse("to_range(low=-1024, high=1024)")(np.float32([[0, 0.5, 1]])) == (
        pytest.approx(np.array([[-1024, 0, 1024]]))
    )
    np.testing.assert_allclose(intensities.parse("invert")(FILM), 1 - FILM)


def test_clahe_is_opencvs():
    bytes_ = np.rint(FILM * 255).astype(np.uint8)
    theirs = cv2.createCLAHE(3.0, (4, 4)).apply(bytes_) / 255
    ours = intensities.parse("clahe(clip=3.0, tiles=4)")(FILM)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("percentiles(low=99, high=1)", "low < high"),
        ("to_range(low=1, high=0)", "low below high"),
        ("clahe(clip=0)", "clip > 0"),
        ("clahe(tiles=0)", "at least one tile"),
    ],
)
def test_impossible_options_are_refused(spec, text):
    with pytest.raises(SpecError, match=text):
        intensities.parse(spec)
