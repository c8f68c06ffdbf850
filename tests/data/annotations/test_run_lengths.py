"""Run lengths are those of pycocotools, and a text that is none is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco

from heatproof.data.annotations.run_lengths import lengths_of, raster
from heatproof.errors import AnnotationError

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=40))


def text_of(mask):
    return coco.encode(np.asfortranarray(mask, np.uint8))["counts"].decode("ascii")


@given(masks)
def test_a_mask_of_pycocotools_comes_back(mask):
    assert np.array_equal(raster(lengths_of(text_of(mask)), mask.shape), mask)


@given(masks)
def test_the_lengths_are_those_of_the_runs_down_the_columns(mask):
    column = np.concatenate([[False], mask.T.ravel()])  # unmarked pixels come first
    changes = np.flatnonzero(np.diff(column))
    runs = np.diff(np.concatenate([[0], changes, [mask.size]]))
    assert lengths_of(text_of(mask)).tolist() == runs.tolist()


def test_long_runs_take_several_characters():
    large = np.zeros((3000, 2000), bool)
    large[1500:1600, 900:1000] = True
    assert np.array_equal(raster(lengths_of(text_of(large)), large.shape), large)


@pytest.mark.filterwarnings("ignore:__array__")  # pycocotools 2.0 beside numpy 2
@given(st.text(st.characters(min_codepoint=46, max_codepoint=113), max_size=20))
def test_any_text_is_read_as_pycocotools_reads_it_or_refused(text):
    try:
        lengths = lengths_of(text)
    except AnnotationError:
        return
    size = (int(lengths.sum()), 1)
    if text and 0 < size[0] < 10_000:
        told = coco.decode({"size": list(size), "counts": text})
        assert np.array_equal(raster(lengths, size), told)


@pytest.mark.parametrize(
    ("text", "character"),
    [
        ("o", 1),  # another character should follow
        ("5 5", 2),  # a space is no digit
        ("5é", 2),
        ("5N", 2),  # a negative length
        ("ooooooooo0", 8),  # more bits than a length has
    ],
)
def test_a_text_that_is_none_is_refused_with_the_place(text, character):
    with pytest.raises(AnnotationError, match=f"character {character} of"):
        lengths_of(text)


@pytest.mark.parametrize("text", ["", "5", "55", "0"])
def test_lengths_that_do_not_fill_the_mask_are_refused(text):
    with pytest.raises(AnnotationError, match="do not fill 3 x 4 pixels"):
        raster(lengths_of(text), (3, 4))
