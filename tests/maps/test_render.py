"""What a map looks like: the film is left readable, and colours mean what the legend says."""

import io

import numpy as np
import pytest
from PIL import Image

from heatproof.maps import render

FILM = np.random.default_rng(0).uniform(0.2, 0.8, (120, 160)).astype(np.float32)


def bump(row: int, column: int, spread: float = 12) -> np.ndarray:
    y, x = np.mgrid[:120, :160]
    return np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * spread**2)).astype(np.float32)


def test_plain_is_the_film_in_grey() -> None:
    picture = render.plain(FILM)
    assert picture.shape == (120, 160, 3)
    assert (picture == picture[:, :, :1]).all()
    assert np.abs(picture[:, :, 0] / 255 - FILM).max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize("value", [0.0, 2.0, np.nan, np.inf])
def test_a_map_that_says_nothing_shows_nothing(value: float) -> None:
    picture = render.overlay(FILM, np.full(FILM.shape, value, np.float32))
    assert np.array_equal(picture, render.plain(FILM))


@pytest.mark.parametrize("sign", [1, -1])
def test_the_film_is_untouched_where_the_map_is_weak(sign: int) -> None:
    saliency = sign * bump(40, 40)
    picture, film = render.overlay(FILM, saliency), render.plain(FILM)
    weak = np.abs(saliency) < 0.1
    assert np.array_equal(picture[weak], film[weak])
    assert (picture[40, 40] != film[40, 40]).any()


def test_for_is_orange_and_against_is_blue() -> None:
    picture = render.overlay(FILM, bump(40, 40) - bump(40, 120)).astype(int)
    red, _, blue = np.moveaxis(picture, -1, 0)
    assert red[40, 40] > blue[40, 40] + 50
    assert blue[40, 120] > red[40, 120] + 50


def test_stronger_is_brighter() -> None:
    lightness = render.scale(256, 4).astype(float) @ (0.2126, 0.7152, 0.0722)
    shown = lightness[0][60:]  # where it is no longer the film that shows
    assert (np.diff(shown) > -2).all()
    assert shown[-1] > shown[0] + 40


def test_one_extreme_pixel_does_not_hide_the_rest() -> None:
    saliency = bump(40, 40, spread=20)
    saliency[100, 100] = 3
    picture, film = render.overlay(FILM, saliency).astype(int), render.plain(FILM)
    assert np.abs(picture[40, 40] - film[40, 40]).max() > 20


def test_the_outline_runs_along_the_edge_and_leaves_the_inside() -> None:
    mask = np.zeros(FILM.shape, bool)
    mask[30:90, 40:120] = True
    picture, film = render.overlay(FILM, np.zeros_like(FILM), [mask]), render.plain(FILM)
    cyan = (picture[:, :, 0] == 0) & (picture[:, :, 1] > 200) & (picture[:, :, 2] > 200)
    assert cyan[30, 42:118].all()
    assert cyan[32:88, 119].all()
    assert np.array_equal(picture[40:80, 50:110], film[40:80, 50:110])
    assert np.array_equal(picture[:20], film[:20])


def test_a_mask_of_one_pixel_is_seen_after_shrinking() -> None:
    mask = np.zeros((1000, 800), bool)
    mask[500, 400] = True
    blank = np.zeros(mask.shape, np.float32)
    picture = render.overlay(blank, blank, [mask], long_side=300)
    assert (picture[148:153, 117:123] == (0, 255, 255)).all(axis=2).any()
    empty = render.overlay(blank, blank, [np.zeros_like(mask)], long_side=300)
    assert not empty.any()


@pytest.mark.parametrize("size", [(1000, 800), (800, 1000), (200, 100)])
def test_pictures_shrink_to_the_long_side_and_never_grow(size: tuple[int, int]) -> None:
    image = np.full(size, 0.5, np.float32)
    picture = render.overlay(image, image, long_side=300)
    assert max(picture.shape) == min(300, max(size))
    assert picture.shape[0] / picture.shape[1] == pytest.approx(size[0] / size[1], rel=0.01)
    assert (picture == 128).all()


@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
def test_pictures_are_encoded(form: str) -> None:
    picture = render.overlay(FILM, bump(40, 40))
    with Image.open(io.BytesIO(render.encode(picture, form))) as image:  # type: ignore[arg-type]
        assert image.format == form.upper()
        difference = np.asarray(image.convert("RGB"), int) - picture
    assert np.abs(difference).mean() < (1 if form == "png" else 15)


def test_the_signed_scale_diverges_around_a_clear_middle() -> None:
    bar = render.scale(121, 4, signed=True)[0].astype(int)
    assert (bar[60] == bar[60][0]).all()  # the film itself
    assert bar[0][2] > bar[0][0] + 50  # blue: against
    assert bar[-1][0] > bar[-1][2] + 50  # orange: for


@pytest.mark.parametrize("value", [0.3, 0.7, 5.1])
@pytest.mark.parametrize("side", [None, 100, 77])
def test_a_map_of_one_value_shows_nothing_when_it_is_shrunk(value: float, side: int | None) -> None:
    """Averaging rounds, and colours go from the least to the greatest value."""
    picture = render.overlay(FILM, np.full(FILM.shape, value, np.float32), long_side=side)
    assert np.array_equal(picture, render.plain(FILM, side))


@pytest.mark.parametrize("low", [0.0, -1.0])
def test_levels_and_their_palette_are_the_colours_of_a_layer(low: float) -> None:
    saliency = np.linspace(low, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    levels, signed = render.levels(saliency)
    assert signed is (low < 0)
    coloured = render.palette(signed=signed)[levels].astype(int)
    drawn = render.layer(saliency)
    seen = drawn[:, :, 3] > 0
    # A level is up to half a step of 1/255 from the value, and colours change by 8 in a step.
    assert np.abs(coloured - drawn[:, :, :3])[seen].max() <= 8
    assert levels.min() == (1 if signed else 0)
    assert levels.max() == 255


def test_a_constant_map_has_no_level() -> None:
    levels, signed = render.levels(np.full((4, 4), -3.0, np.float32))
    assert not levels.any()
    assert not signed
