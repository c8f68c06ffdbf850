"""FROC: every threshold by hand, mark by mark."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heatproof.data.annotations import Boxes
from heatproof.data.geometry import Squash
from heatproof.errors import SpecError
from heatproof.localize import Detections, Reference
from heatproof.localize.metrics.froc import FROC
from heatproof.maps.binarize import Fixed

NAN = math.nan
mark = st.tuples(st.integers(1, 4).map(lambda n: n / 4), st.integers(-1, 2))
film = st.tuples(
    st.integers(-1, 3), st.lists(mark, max_size=4), st.integers(1, 3).map(lambda n: n / 4)
)
Film = tuple[int, list[tuple[float, int]], float]  # -1 lesions: an undefined map


def detections(films: list[Film]) -> Detections:
    width = 1 + 2 * max((len(marks) for _, marks, _ in films), default=0)
    seen = np.full((len(films), width), NAN)
    for row, (lesions, marks, _) in zip(seen, films, strict=True):
        if lesions >= 0:
            numbers = [lesions, *(number for one in marks for number in one)]
            row[: len(numbers)] = numbers
    has = np.array([lesions != 0 for lesions, _, _ in films], bool)
    return Detections(seen, has.astype(int), np.array([p for *_, p in films], float), has, has)


def by_hand(films: list[Film], limits: tuple[float, ...]) -> float:
    films = [one for one in films if one[0] >= 0]
    lesions = sum(count for count, _, _ in films)
    if not lesions:
        return NAN
    ranked = [(p * strength, found) for _, marks, p in films for strength, found in marks]
    best = []
    for limit in limits:
        reached = [0.0]
        for threshold in {rank for rank, _ in ranked}:
            read = [found for rank, found in ranked if rank >= threshold]
            if sum(found < 0 for found in read) / len(films) <= limit:
                reached.append(sum(found for found in read if found > 0) / lesions)
        best.append(max(reached))
    return sum(best) / len(best)


@given(films=st.lists(film, max_size=6))
def test_every_threshold_by_hand(films: list[Film]) -> None:
    metric = FROC(false_positives=(0.0, 0.5, 2.0))
    [value] = metric.of_dataset(detections(films), np.ones((1, len(films))))
    assert value == pytest.approx(by_hand(films, metric.false_positives), nan_ok=True)


@given(films=st.lists(film, max_size=5), draws=st.lists(st.integers(0, 2), min_size=5, max_size=5))
def test_a_film_that_counts_twice_is_two_films(films: list[Film], draws: list[int]) -> None:
    weights = np.array([draws[: len(films)]], float)
    repeated = [one for one, n in zip(films, draws, strict=False) for _ in range(n)]
    [value] = FROC().of_dataset(detections(films), weights)
    assert value == pytest.approx(by_hand(repeated, FROC().false_positives), nan_ok=True)


def test_marks_of_one_map() -> None:
    """Two lesions that overlap, found at once; one in them twice; a lesion missed; a false mark."""
    saliency = np.zeros((20, 20), np.float32)
    saliency[5, 5], saliency[5, 9], saliency[15, 15] = 1.0, 0.8, 0.9
    boxes = Boxes(((4, 4, 8, 8), (2, 2, 12, 12), (0, 18, 2, 20)))
    reference = Reference(boxes.mask(20, 20), (boxes,))
    seen = FROC(Fixed(0.5)).of_map(saliency, Squash(1, 1), reference)
    assert seen == pytest.approx([3, 1.0, 2, 0.9, -1, 0.8, 0])
    assert FROC().alone(seen) == pytest.approx(2 / 3)
    without = Reference(np.zeros((20, 20), bool))
    negative = FROC(Fixed(0.5)).of_map(saliency, Squash(1, 1), without)
    assert negative == pytest.approx([0, 1.0, -1, 0.9, -1, 0.8, -1])
    assert math.isnan(FROC().alone(negative))


def test_refuses_numbers_that_are_none() -> None:
    with pytest.raises(SpecError, match="expected numbers per film"):
        FROC(false_positives=())
