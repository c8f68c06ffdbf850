"""The agreement of readers is counted by hand, and its masks are compared pixel by pixel."""

from dataclasses import replace

import numpy as np
import pytest

from heatproof.data.annotations import Boxes
from heatproof.data.annotations.agreement import Agreement, agreements
from heatproof.data.pixels import ArrayPixels
from heatproof.types import Annotation, Sample

SIDE = 20


def film(number, *marks):
    pixels = ArrayPixels(np.full((SIDE, SIDE), 0.5, np.float32))
    drawn = (Annotation(finding, reader, Boxes((box,))) for finding, reader, box in marks)
    return Sample(f"f{number}", pixels, annotations=tuple(drawn))


FILMS = [
    film(0, ("a", "ann", (0, 0, 10, 10)), ("a", "ben", (5, 0, 15, 10))),  # 50 of 100 and 100
    film(1, ("a", "ann", (0, 0, 4, 4)), ("a", "ben", (0, 0, 4, 4))),
    film(2, ("a", "ann", (0, 0, 4, 4)), ("b", "ben", (0, 0, 4, 4))),
    film(3, ("a", "ben", (0, 0, 4, 4)), ("a", "ben", (4, 0, 8, 4))),
    film(4, ("a", "cal", (0, 0, 4, 4))),  # who never met another
]


def test_films_and_masks_are_compared() -> None:
    (found,) = agreements(FILMS, masks=True)
    assert found.dice == pytest.approx((0.5 + 1) / 2)
    assert replace(found, dice=None) == Agreement("a", "ann", "ben", both=2, either=4)
    assert agreements(FILMS, masks=False) == (Agreement("a", "ann", "ben", 2, 4, None),)


def test_a_consensus_is_no_reader_beside_those_whose_it_is() -> None:
    box = (0, 0, 4, 4)
    of_all = [film(0, ("a", "reference", box), ("a", "ann", box), ("a", "ben", box))]
    assert [(one.reader, one.other) for one in agreements(of_all, masks=True)] == [("ann", "ben")]
    of_two = [film(0, ("a", "reference", box), ("a", "ann", box))]
    assert [(one.reader, one.other) for one in agreements(of_two, masks=True)] == [
        ("ann", "reference")
    ]


def test_masks_that_do_not_fit_are_not_compared() -> None:
    films = [film(0, ("a", "ann", (0, 0, 40, 4)), ("a", "ben", (0, 0, 4, 4)))]
    assert agreements(films, masks=True) == (Agreement("a", "ann", "ben", 1, 1, None),)
