"""What several readers agree on: votes of pixels, counted by hand and against masks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heatproof.data.annotations import Boxes, Outline, Several
from heatproof.data.annotations.consensus import Agreed, consensus, needed

RULES = ("majority", "union", "intersection")
LEFT, MIDDLE, RIGHT = (Boxes(((x, 2.0, x + 4.0, 6.0),)) for x in (2.0, 4.0, 9.0))


@pytest.mark.parametrize(("readers", "votes"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)])
def test_a_majority_is_more_than_half(readers, votes):
    assert needed("majority", readers) == votes
    assert needed("union", readers) == 1
    assert needed("intersection", readers) == readers


def test_pixels_are_those_that_enough_readers_marked():
    agreed = consensus([LEFT, MIDDLE, RIGHT], 3, "majority")
    expected = np.zeros((12, 16), bool)
    expected[2:6, 4:6] = True  # where the first two overlap
    np.testing.assert_array_equal(agreed.mask(12, 16), expected)
    assert consensus([LEFT, MIDDLE, RIGHT], 3, "union").mask(12, 16).sum() == 6 * 4 + 4 * 4
    assert consensus([LEFT, MIDDLE, RIGHT], 3, "intersection") is None


def test_readers_who_drew_nothing_count():
    assert consensus([LEFT], 3, "majority") is None
    assert consensus([LEFT], 1, "majority").mask(12, 16).sum() == 16
    assert consensus([LEFT], 3, "intersection") is None
    assert consensus([LEFT], 3, "union").mask(12, 16).sum() == 16
    assert consensus([], 3, "union") is None


def test_one_reader_has_one_vote_for_a_pixel_however_many_boxes_hold_it():
    twice = Several((LEFT, MIDDLE))
    assert consensus([twice], 3, "majority") is None
    assert consensus([twice, RIGHT], 3, "majority") is None


NUMBERS = st.tuples(st.floats(0, 12), st.floats(0, 12), st.floats(1.5, 8), st.floats(1.5, 8))
READER = st.tuples(st.lists(NUMBERS, min_size=1, max_size=3), st.booleans())


@given(st.lists(READER, min_size=1, max_size=4), st.sampled_from(RULES))
def test_there_is_a_consensus_where_a_pixel_has_the_votes(readers, rule):
    shapes = []
    for boxes, outlines in readers:
        drawn = [Boxes(((x, y, x + width, y + height),)) for x, y, width, height in boxes]
        drawn += [Outline((((3, 3), (9, 4), (5, 11)),))] if outlines else []
        shapes.append(Several(tuple(drawn)))
    votes = np.sum([shape.mask(24, 24) for shape in shapes], axis=0)
    expected = votes >= needed(rule, len(shapes))
    agreed = consensus(shapes, len(shapes), rule)
    assert (agreed is not None) == expected.any()
    if agreed is not None:
        np.testing.assert_array_equal(agreed.mask(24, 24), expected)
        assert isinstance(agreed, Agreed)
