"""Alignment there and back, and agreement with torch, on which published masks rest."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch.nn.functional import interpolate

from heatproof.data.annotations import Boxes
from heatproof.data.geometry import Geometry, Letterbox, Squash, geometries

sizes = st.tuples(st.integers(24, 160), st.integers(24, 160))
unit = st.floats(0, 1, width=32)


@pytest.mark.parametrize("name", geometries.names())
def test_every_geometry_is_named_and_has_a_canvas(name):
    options = "height=20, width=30"
    if "of" in {field.name for field in fields(geometries.part_class(name))}:
        options = f"of=squash({options})"
    part = geometries.parse(f"{name}({options})")
    assert isinstance(part, Geometry)
    assert geometries.parse(geometries.spec(part)) == part
    film = np.random.default_rng(0).random((33, 47), dtype=np.float32)
    assert part.image(film).shape == (20, 30)
    assert part.image(film).dtype == np.float32
    assert part.mask(film > 0.5).shape == (20, 30)
    assert part.back(film, (50, 60)).shape == (50, 60)
    assert part.back(film, (50, 60)).dtype == np.float32


@given(arrays(np.float32, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=unit), sizes)
def test_squash_back_is_torch_bilinear(saliency, size):
    theirs = interpolate(
        torch.from_numpy(saliency)[None, None], size, mode="bilinear", align_corners=False
    )
    assert np.abs(Squash(32, 32).back(saliency, size) - theirs[0, 0].numpy()).max() <= 1e-6


@given(arrays(np.float32, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=unit), sizes)
def test_letterbox_back_without_bars_is_squash_back(saliency, size):
    ours = Letterbox(*size).back(saliency, size)
    assert np.allclose(ours, Squash(*size).back(saliency, size), atol=1e-5)


@st.composite
def films_with_a_box(draw):
    height, width = draw(sizes)
    x0 = draw(st.integers(0, width - 16))
    y0 = draw(st.integers(0, height - 16))
    x1, y1 = draw(st.integers(x0 + 12, width)), draw(st.integers(y0 + 12, height))
    return (height, width), (x0, y0, x1, y1)


def centroid(weights):
    total = weights.sum()
    rows, columns = np.indices(weights.shape) + 0.5
    return (weights * columns).sum() / total, (weights * rows).sum() / total


@given(films_with_a_box(), st.sampled_from([Squash(64, 64), Letterbox(64, 64), Squash(48, 80)]))
def test_a_box_there_and_back_stays_within_half_a_cell(drawn, geometry):
    (height, width), box = drawn
    mask = Boxes((box,)).mask(height, width)
    there = geometry.mask(mask)
    back = geometry.back(there.astype(np.float32), (height, width)) > 0.5
    cell = max(height, width) / 48  # original pixels per canvas pixel, at most
    ours, theirs = np.argwhere(back), np.argwhere(mask)
    tolerance = max(cell, 1) / 2 + 1
    assert np.abs(ours.min(0) - theirs.min(0)).max() <= tolerance
    assert np.abs(ours.max(0) - theirs.max(0)).max() <= tolerance


@given(films_with_a_box(), st.sampled_from([Squash(64, 64), Letterbox(64, 64), Squash(48, 80)]))
def test_pixels_and_points_move_together(drawn, geometry):
    size, (x0, y0, x1, y1) = drawn
    film = Boxes(((x0, y0, x1, y1),)).mask(*size).astype(np.float32)
    moved = geometry.point((x0 + x1) / 2, (y0 + y1) / 2, size)
    assert np.abs(np.subtract(centroid(geometry.image(film)), moved)).max() < 0.5


def test_a_letterboxed_film_is_in_the_middle_and_keeps_its_proportions():
    canvas = Letterbox(40, 40).image(np.ones((20, 40), np.float32))
    assert np.all(canvas[10:30] == 1)
    assert canvas.sum() == 20 * 40


def test_the_bars_of_a_letterbox_do_not_come_back():
    saliency = np.zeros((40, 40), np.float32)
    saliency[10:30] = 1
    assert Letterbox(40, 40).back(saliency, (200, 400))[10:-10].min() == 1


@pytest.mark.parametrize("geometry", [Squash(37, 53), Letterbox(37, 53)])
def test_a_flat_map_comes_back_flat(geometry):
    assert np.allclose(geometry.back(np.full((4, 5), 3.0, np.float32), (90, 70)), 3)
