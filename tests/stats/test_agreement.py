"""Readers: definitions, statsmodels' kappa, and three radiologists on MURA."""

import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from statsmodels.stats.inter_rater import fleiss_kappa as witness

from heatproof.stats.agreement import against_others, between, consensus, fleiss_kappa, held_in

three = st.lists(hnp.arrays(bool, (4, 5)), min_size=3, max_size=3)


def each(count: int) -> list[str]:
    return [str(index) for index in range(count)]


@given(three)
def test_readers_who_mark_the_same_agree_entirely(masks: list[np.ndarray]) -> None:
    same = [masks[0]] * 3
    expected = 1.0 if masks[0].any() else float("nan")
    assert between(same) == pytest.approx(expected, nan_ok=True)
    assert held_in(same) == pytest.approx(expected, nan_ok=True)
    assert against_others(same) == pytest.approx([expected] * 3, nan_ok=True)
    assert 0 <= between(masks) <= 1 or np.isnan(between(masks))


@given(three)
def test_the_consensus_is_what_two_of_three_marked(masks: list[np.ndarray]) -> None:
    a, b, c = masks
    assert np.array_equal(consensus(masks), (a & b) | (a & c) | (b & c))


def test_a_consensus_that_holds_the_reader_flatters_him() -> None:
    generator = np.random.default_rng(0)
    masks = [generator.random((20, 20)) < 0.3 for _ in range(3)]
    assert held_in(masks) > np.mean(against_others(masks))


@given(hnp.arrays(bool, st.tuples(st.integers(2, 12), st.integers(2, 5))))
def test_kappa_is_statsmodels(saw: np.ndarray) -> None:
    found = fleiss_kappa(saw, each(len(saw)), resamples=10)
    if saw.all() or not saw.any():
        assert np.isnan(found.value)
    else:
        table = np.stack([saw.sum(axis=1), (~saw).sum(axis=1)], axis=1)
        assert found.value == pytest.approx(witness(table))


def drawn(folder: Path) -> Iterator[tuple[str, list[np.ndarray]]]:
    """What each of three readers marked on each film, in a frame that just holds it."""
    shapes: dict[str, list[list[dict]]] = defaultdict(lambda: [[], [], []])
    for reader in range(3):
        with (folder / f"rad{reader + 1}_annotations.csv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                marks = shapes[row["filename"].split(".png")[0]]
                if shape := json.loads(row["region_shape_attributes"]):
                    marks[reader].append(shape)
    for film, marks in shapes.items():
        yield film, [outlined(reader, marks) for reader in marks]


def outlined(shapes: list[dict], marks: list[list[dict]]) -> np.ndarray:
    canvas = np.zeros([1 + max(ends(s)[k] for m in marks for s in m) for k in (1, 0)], np.uint8)
    for shape in shapes:
        if shape["name"] == "rect":
            x, y = shape["x"], shape["y"]
            canvas[y : y + shape["height"], x : x + shape["width"]] = 1
        else:
            points = np.stack([shape["all_points_x"], shape["all_points_y"]], axis=1)
            cv2.fillPoly(canvas, [points.astype(np.int32)], 1)
    return canvas.astype(bool)


def ends(shape: dict) -> tuple[int, int]:
    if shape["name"] == "rect":
        return shape["x"] + shape["width"], shape["y"] + shape["height"]
    return max(shape["all_points_x"]), max(shape["all_points_y"])


def test_three_radiologists_on_mura_agree_as_published(shared_data: Path) -> None:
    """Venkatesh et al. 2024: no consensus on 50 of 638 films, IoU with the consensus .613."""
    films = dict(drawn(shared_data / "annotations_only" / "mura_3readers"))
    agreed = {name: masks for name, masks in films.items() if consensus(masks).any()}
    assert (len(films), len(films) - len(agreed)) == (638, 50)
    assert round(float(np.mean([held_in(masks) for masks in agreed.values()])), 3) == 0.613
    # With the others' consensus, which does not hold the reader, they agree far less.
    alone = [np.mean(against_others(masks)) for masks in agreed.values()]
    assert round(float(np.mean(alone)), 2) == 0.35
