"""A mark of another resolution lands where it was drawn; one of another shape is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from heatproof.data.annotations import Boxes, MaskFile, Outline, Polygons, encode, fit, lesions_of
from heatproof.data.annotations.fitting import turned
from heatproof.data.annotations.rescaled import Rescaled
from heatproof.data.datasets.manifest import Manifest
from heatproof.errors import AnnotationError


@given(
    st.tuples(st.integers(4, 30), st.integers(4, 30)),
    st.tuples(st.integers(4, 30), st.integers(4, 30)),
    st.data(),
)
def test_the_mask_of_a_box_becomes_that_of_the_scaled_box(frame, film, data):
    if turned(frame, film):
        return
    y0, y1 = sorted(data.draw(st.lists(st.integers(0, frame[0]), min_size=2, max_size=2)))
    x0, x1 = sorted(data.draw(st.lists(st.integers(0, frame[1]), min_size=2, max_size=2)))
    mask = np.zeros(frame, bool)
    mask[y0:y1, x0:x1] = True
    y, x = (np.arange(film[0]) + 0.5) / film[0], (np.arange(film[1]) + 0.5) / film[1]
    rows = (y0 <= np.floor(y * frame[0])) & (np.floor(y * frame[0]) < y1)
    columns = (x0 <= np.floor(x * frame[1])) & (np.floor(x * frame[1]) < x1)
    expected = np.outer(rows, columns)
    assert np.array_equal(Rescaled(encode(mask), frame).mask(*film), expected)


def test_whole_factors_are_exact_and_lesions_stay_apart():
    boxes = ((0, 0, 4, 4), (8, 4, 12, 8))
    at_twice = [Rescaled(s, (20, 40)) for s in (Boxes(boxes), Outline((_corners(boxes[1]),)))]
    assert np.array_equal(
        at_twice[0].mask(10, 20), Boxes(((0, 0, 2, 2), (4, 2, 6, 4))).mask(10, 20)
    )
    assert [int(m.sum()) for m in lesions_of(at_twice[0], 10, 20)] == [4, 4]
    assert [int(m.sum()) for m in lesions_of(at_twice[1], 10, 20)] == [4]
    assert at_twice[0].instances == 2


def _corners(box):
    x0, y0, x1, y1 = (float(side) for side in box)
    return ((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def test_a_mark_of_the_size_of_the_film_is_taken_as_it_is(tmp_path):
    mask = np.eye(6, 8, dtype=bool)
    Image.fromarray(mask).save(tmp_path / "mask.png")
    for shape in (encode(mask), MaskFile(tmp_path / "mask.png")):
        assert np.array_equal(Rescaled(shape, (60, 80)).mask(6, 8), mask)


def test_a_mark_of_neither_size_is_refused():
    with pytest.raises(AnnotationError, match=r"7 x 9 .*expected .* 6 x 8, or the frame .* 60 x"):
        fit(Rescaled(encode(np.ones((7, 9), bool)), (60, 80)), 6, 8)
    with pytest.raises(AnnotationError, match=r"outline spans .* another resolution"):
        fit(Rescaled(Outline((_corners((1, 1, 99, 5)),)), (60, 80)), 6, 8)


DRAWN = (1, 2, 30, 40)


@pytest.mark.parametrize("frame", [(80, 60), (800, 600), (161, 120)])
@pytest.mark.parametrize(
    "marks",
    [lambda frame: Boxes((DRAWN,), frame), lambda frame: Rescaled(Boxes((DRAWN,)), frame)],
)  # fmt: skip
def test_swapped_height_and_width_are_noticed_at_every_resolution(frame, marks):
    for check in (lambda mark: fit(mark, 60, 80), lambda mark: mark.mask(60, 80)):
        with pytest.raises(AnnotationError, match="were height and width swapped"):
            check(marks(frame))


@pytest.mark.parametrize("frame", [(60, 80), (600, 800), (1024, 1024), (300, 800)])
def test_other_frames_are_scaled(frame):
    # A film that was squashed to a square may still be marked in the frame of the original.
    assert Boxes(((0, 0, frame[1], frame[0]),), frame).mask(60, 80).all()
    assert Rescaled(Polygons((_corners((0, 0, frame[1], frame[0])),)), frame).mask(60, 80).all()


def test_a_square_film_tells_nothing_about_its_frame():
    assert not turned((300, 200), (320, 320))
    assert not turned((1000, 1020), (500, 512))
    assert turned((1000, 1020), (1020, 1000))


def test_a_table_says_its_frame_of_masks(tmp_path):
    (tmp_path / "t.csv").write_text("image,X,mask\na.png,1,m.png\n")
    Image.new("L", (8, 6), 9).save(tmp_path / "a.png")
    drawn = np.zeros((12, 16), np.uint8)
    drawn[4:8, 2:6] = 255
    Image.fromarray(drawn).save(tmp_path / "m.png")
    film = Manifest(tmp_path / "t.csv", ("X",), mask="mask", masks_frame=(12, 16))[0]
    assert np.array_equal(film.annotations[0].mask(6, 8), drawn[::2, ::2] > 0)
    untold = Manifest(tmp_path / "t.csv", ("X",), mask="mask")[0]
    with pytest.raises(AnnotationError, match=r"Say masks_frame = \[12, 16\]"):
        untold.annotations[0].mask(6, 8)


def test_real_masks_of_1024_fit_films_of_320(shared_data):
    data = Manifest(
        shared_data / "siim_pneumothorax_320" / "manifest.csv", {"Pneumothorax": True},
        image="file", mask="mask", masks_frame=(1024, 1024),
    )  # fmt: skip
    assert len(data) == 54
    shares = np.array(
        [
            (mark.shape.shape.mask(1024, 1024).mean(), mark.mask(320, 320).mean())
            for sample in data
            for mark in sample.annotations
        ]
    )
    assert shares[:, 1] == pytest.approx(shares[:, 0], rel=0.01, abs=1e-4)
    assert shares[:, 1].sum() == pytest.approx(shares[:, 0].sum(), rel=0.001)
