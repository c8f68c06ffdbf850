"""Shapes against definitions, against COCO's own tools, and against the mistakes people make."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from heatproof.data.annotations import (
    RLE,
    Boxes,
    MaskFile,
    Outline,
    Points,
    Polygons,
    Several,
    encode,
    fit,
    lesions_of,
)
from heatproof.errors import AnnotationError
from heatproof.types import Shape

SQUARE = ((2.0, 1.0), (5.0, 1.0), (5.0, 4.0), (2.0, 4.0))
masks = arrays(bool, st.tuples(st.integers(1, 30), st.integers(1, 30)))


@given(masks)
def test_rle_round_trips(mask):
    assert np.array_equal(encode(mask).mask(*mask.shape), mask)


def test_run_lengths_that_are_none_are_found_out_where_the_mask_is_needed():
    """One damaged annotation must not keep a data set from being opened."""
    damaged = RLE((3, 4), "5o")
    assert damaged.instances == 1
    with pytest.raises(AnnotationError, match="character 2 of 2"):
        damaged.mask(3, 4)


@given(masks)
def test_rle_counts_its_pixels_and_one_thing(mask):
    assert encode(mask).area == mask.sum()
    assert encode(mask).instances == int(mask.any())
    assert encode(mask, count=3).instances == 3


@st.composite
def boxes_in_a_film(draw):
    height, width = draw(st.tuples(st.integers(2, 40), st.integers(2, 40)))
    x0, x1 = sorted(draw(st.lists(st.floats(0, width), min_size=2, max_size=2, unique=True)))
    y0, y1 = sorted(draw(st.lists(st.floats(0, height), min_size=2, max_size=2, unique=True)))
    return (height, width), (x0, y0, x1, y1)


@given(boxes_in_a_film())
def test_a_pixel_is_in_a_box_when_its_centre_is(drawn):
    (height, width), (x0, y0, x1, y1) = drawn
    if max(x1, y1) <= 1 and min(height, width) > 2:
        return  # looks divided by the size, and is refused
    x, y = np.arange(width) + 0.5, np.arange(height)[:, None] + 0.5
    inside = (x0 <= x) & (x < x1) & (y0 <= y) & (y < y1)
    assert np.array_equal(Boxes(((x0, y0, x1, y1),)).mask(height, width), inside)


def test_boxes_that_share_an_edge_share_no_pixel_and_leave_none_out():
    left, right = (Boxes(((x, 0, x + 4.5, 6),)).mask(6, 9) for x in (0, 4.5))
    assert not (left & right).any()
    assert (left | right).all()


def test_a_box_between_two_centres_is_empty_but_drawn():
    box = Boxes(((2.6, 2.6, 3.4, 3.4),))
    assert not box.mask(9, 9).any()
    assert box.instances == 1


def test_boxes_of_another_frame_scale_to_the_image():
    drawn_at_1024 = Boxes(((512, 256, 1024, 512),), frame=(1024, 1024))
    assert np.array_equal(
        drawn_at_1024.mask(320, 320), Boxes(((160, 80, 320, 160),)).mask(320, 320)
    )


def test_a_polygon_holds_its_outline_as_pillow_draws_it():
    mask = Polygons((SQUARE,)).mask(6, 8)
    expected = np.zeros((6, 8), bool)
    expected[1:5, 2:6] = True
    assert np.array_equal(mask, expected)


def test_a_contour_within_another_is_filled_not_cut_out():
    hole = ((3.0, 2.0), (4.0, 2.0), (4.0, 3.0))
    both = Polygons((SQUARE, hole))
    assert np.array_equal(both.mask(6, 8), Polygons((SQUARE,)).mask(6, 8))
    assert both.instances == 2
    assert Polygons((SQUARE, hole), count=1).instances == 1


def test_a_point_is_one_pixel_truncated():
    mask = Points(((3.9, 1.0), (0.0, 0.0))).mask(4, 5)
    assert mask[1, 3]
    assert mask[0, 0]
    assert mask.sum() == 2


def test_several_shapes_are_their_union():
    shapes = (Polygons((SQUARE,)), Boxes(((0, 0, 3, 2), (4, 4, 6, 6))))
    several = Several(shapes)
    union = shapes[0].mask(6, 8) | shapes[1].mask(6, 8)
    assert np.array_equal(several.mask(6, 8), union)
    assert several.instances == 3


@pytest.mark.parametrize("inside", [1, 255])
def test_a_mask_file_is_what_is_not_zero(tmp_path, inside):
    mask = np.random.default_rng(0).random((5, 7)) > 0.5
    Image.fromarray((mask * inside).astype(np.uint8)).save(tmp_path / "mask.png")
    shape = MaskFile(tmp_path / "mask.png")
    assert np.array_equal(shape.mask(5, 7), mask)
    assert shape.instances == 1


def test_an_empty_mask_file_is_empty_and_no_error(tmp_path):
    Image.new("L", (7, 5)).save(tmp_path / "mask.png")
    assert not MaskFile(tmp_path / "mask.png").mask(5, 7).any()


def test_a_mask_file_that_is_no_mask_is_refused(tmp_path):
    with pytest.raises(AnnotationError, match="no such mask"):
        MaskFile(tmp_path / "mask.png").mask(5, 7)
    Image.fromarray(np.arange(35, dtype=np.uint8).reshape(5, 7)).save(tmp_path / "mask.png")
    with pytest.raises(AnnotationError, match=r"35 different values.*JPEG"):
        MaskFile(tmp_path / "mask.png").mask(5, 7)
    (tmp_path / "mask.png").write_bytes(b"nothing")
    with pytest.raises(AnnotationError, match="cannot be decoded"):
        MaskFile(tmp_path / "mask.png").mask(5, 7)


def test_a_truncated_mask_file_is_refused(tmp_path):
    Image.effect_noise((200, 200), 50).point(lambda v: 255 * (v > 128)).save(tmp_path / "mask.png")
    (tmp_path / "mask.png").write_bytes((tmp_path / "mask.png").read_bytes()[:2000])
    with pytest.raises(AnnotationError, match="cannot be decoded"):
        MaskFile(tmp_path / "mask.png").mask(200, 200)


@pytest.mark.parametrize(
    ("shape", "guess"),
    [
        (Boxes(((10, 10, 30, 80),)), "x and y swapped"),
        (Boxes(((50, 10, 20, 30),)), "written as .x, y, width, height"),
        (Boxes(((0.2, 0.3, 0.5, 0.6),)), "divided by width and height"),
        (Boxes(((10, 10, 300, 200),)), "another resolution"),
        (Boxes(((-9, 10, 30, 20),)), "cropped"),
        (Boxes(((float("nan"), 1, 3, 4),)), "a coordinate is missing"),
        (Polygons((((10.0, 70.0), (20.0, 90.0), (10.0, 95.0)),)), "x and y swapped"),
        (Polygons((SQUARE,), size=(100, 50)), "height and width swapped"),
        (Polygons((SQUARE,), size=(500, 1000)), "resized"),
        (Polygons((((1.0, 1.0),),)), "1 point"),
        (Points(((float("nan"), 1.0),)), "coordinate is missing"),
        (RLE((100, 50), encode(np.ones((100, 50), bool)).counts), "height and width swapped"),
        (Several((Boxes(((10, 10, 30, 80),)),)), "x and y swapped"),
    ],
)
def test_a_mistake_is_guessed(shape, guess):
    assert isinstance(shape, Shape)
    for check in (fit, lambda drawn, height, width: drawn.mask(height, width)):
        with pytest.raises(AnnotationError, match=guess):
            check(shape, 50, 100)


def test_a_speck_in_the_corner_is_a_speck():
    """Whole coordinates within the first pixel are those of a contour around that pixel."""
    corner = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    assert Outline((corner,), (20, 26)).mask(20, 26).sum() == 1
    with pytest.raises(AnnotationError, match="divided by width and height"):
        Outline((tuple((0.9 * x, 0.9 * y) for x, y in corner),), (20, 26)).mask(20, 26)
    with pytest.raises(AnnotationError, match="divided by width and height"):
        Boxes(((0, 0, 1, 1),)).mask(20, 26)


def test_an_overhang_of_a_pixel_is_clipped():
    assert Boxes(((0, 0, 10.9, 10.9),)).mask(10, 10).all()


def test_a_mask_of_another_size_names_both(tmp_path):
    Image.new("L", (7, 5)).save(tmp_path / "mask.png")
    with pytest.raises(AnnotationError, match=r"is 5 x 7.*the image is 50 x 70"):
        fit(MaskFile(tmp_path / "mask.png"), 50, 70)


def decoded_by_the_description(size, counts):
    """COCO's compressed run lengths, re-derived: base 32 digits, differences from the third run."""
    runs, position = [], 0
    while position < len(counts):
        value, shift, more = 0, 0, True
        while more:
            digit = ord(counts[position]) - 48
            value |= (digit & 0x1F) << shift
            more, shift, position = bool(digit & 0x20), shift + 5, position + 1
        value -= (1 << shift) if digit & 0x10 else 0
        runs.append(value + runs[-2] if len(runs) > 2 else value)
    pixels = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return pixels.reshape(size[::-1]).T


@given(masks)
def test_counts_are_cocos(mask):
    assert np.array_equal(decoded_by_the_description(mask.shape, encode(mask).counts), mask)


def areas(shape, height=20, width=20):
    return [int(mask.sum()) for mask in lesions_of(shape, height, width)]


def test_each_thing_drawn_is_a_lesion_and_of_a_raster_each_part(tmp_path):
    pair = ((2, 2, 6, 6), (4, 4, 12, 12))  # they overlap
    assert areas(Boxes(pair)) == [16, 64]
    assert areas(Boxes(pair, frame=(40, 40))) == [4, 16]
    assert areas(Boxes(((2.6, 2.6, 2.9, 2.9), (0, 0, 2, 2)))) == [4]  # one holds no centre
    square, other = ((1, 1), (4, 1), (4, 4), (1, 4)), ((10, 10), (12, 10), (12, 12), (10, 12))
    assert areas(Polygons((square, other))) == [16, 9]
    assert areas(Polygons((square, other), count=1)) == [25]
    mask = np.zeros((20, 20), bool)
    mask[2:4, 2:4] = mask[4, 4] = mask[10:12, 10] = True  # a corner joins the first two
    assert areas(encode(mask)) == [5, 2]
    assert areas(encode(mask, count=1)) == [7]
    Image.fromarray(mask.astype(np.uint8) * 255).save(tmp_path / "mask.png")
    assert areas(MaskFile(tmp_path / "mask.png")) == [5, 2]
    assert areas(Several((Boxes(pair), encode(mask)))) == [16, 64, 5, 2]
    assert areas(encode(np.zeros((20, 20), bool))) == []


@pytest.mark.parametrize("frame", [(10**400, 24), (24, 10**400), (0, 24), (24, -3)])
def test_a_frame_that_no_image_has_is_told(frame):
    with pytest.raises(
        AnnotationError, match=r"boxes were drawn on an image .* expected sides from 1"
    ):
        fit(Boxes(((1.0, 1.0, 5.0, 5.0),), frame=frame), 24, 32)
    with pytest.raises(AnnotationError, match="expected sides from 1 to 1,000,000"):
        fit(RLE(frame, "0"), 24, 32)
