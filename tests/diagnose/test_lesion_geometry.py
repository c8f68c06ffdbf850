"""Shape of findings: simple figures, the slow truth, and spec.md section 10."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from heatproof.data.annotations import Boxes, Polygons
from heatproof.data.datasets.chexlocalize import CheXlocalize
from heatproof.diagnose.lesion_geometry import geometry, instances_drawn
from heatproof.types import Annotation
from tests.diagnose import suzuki

EC, CARDIOMEGALY = "Enlarged Cardiomediastinum", "Cardiomegaly"
blots = hnp.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def rectangle(height: int, width: int) -> np.ndarray:
    mask = np.zeros((60, 80), bool)
    mask[10 : 10 + height, 20 : 20 + width] = True
    return mask


@given(st.integers(1, 40), st.integers(1, 50))
@settings(max_examples=30)
def test_a_rectangle_fills_its_rectangle(height: int, width: int) -> None:
    found = geometry(rectangle(height, width), 1)
    assert found.area_ratio == pytest.approx(height * width / 4800)
    assert found.elongation == pytest.approx(max(height, width) / min(height, width))
    assert found.irrectangularity == pytest.approx(0, abs=1e-12)


def test_a_disc_misses_its_corners() -> None:
    rows, columns = np.mgrid[:401, :401] - 200
    found = geometry(np.hypot(rows, columns) <= 180, 1)
    assert found.elongation == pytest.approx(1, abs=0.01)
    assert found.irrectangularity == pytest.approx(1 - math.pi / 4, abs=0.01)


def test_turning_a_film_changes_nothing() -> None:
    mask = rectangle(7, 30)
    mask[17:40, 20:24] = True
    found = geometry(mask, 1)
    for turned in (np.rot90(mask), mask[::-1], mask.T):
        other = geometry(turned, 1)
        assert vars(other) == pytest.approx(vars(found))


def test_a_line_is_infinitely_long_only_as_published() -> None:
    line, point = rectangle(1, 9), rectangle(1, 1)
    assert geometry(line, 1).elongation == 9
    assert geometry(line, 1, "published").elongation == math.inf
    assert math.isnan(geometry(line, 1, "published").irrectangularity)
    assert geometry(point, 1).elongation == 1
    assert math.isnan(geometry(point, 1, "published").elongation)


def test_nothing_marked_has_no_shape() -> None:
    for measure in ("pixels", "published"):
        found = geometry(np.zeros((5, 6), bool), 3, measure)
        assert (found.instances, found.area_ratio) == (0, 0)
        assert math.isnan(found.elongation)
        assert math.isnan(found.irrectangularity)


def test_the_dominant_instance_is_the_longest_around() -> None:
    mask = rectangle(3, 40)  # 86 around
    mask[30:45, 20:35] = True  # 60 around, but larger
    assert geometry(mask, 2).elongation == pytest.approx(40 / 3)


def test_holes_compete_only_as_published() -> None:
    square = rectangle(40, 40)
    square[25, 23:56] = False  # a comb with teeth: its border is the longest
    square[25:36, 23:56:2] = False
    assert geometry(square, 1).elongation == 1
    assert geometry(square, 1, "published").elongation == pytest.approx(34 / 12)


def test_an_island_in_a_hole_is_no_part_of_what_surrounds_it() -> None:
    ring = rectangle(40, 40)
    ring[15:45, 25:55] = False
    alone = geometry(ring, 1).irrectangularity
    ring[28:32, 38:42] = True
    assert geometry(ring, 2).irrectangularity == alone == 1 - (1600 - 900) / 1600


@given(blots)
@settings(max_examples=150)
def test_the_published_measure_is_the_slow_one(mask: np.ndarray) -> None:
    if not mask.any():
        return
    found = geometry(mask, 1, "published")
    paths = [path for path, _ in suzuki.borders(mask)]
    longest = [path for path in paths if len(path) == max(map(len, paths))]
    possible = []
    for path in longest:  # which of several comes first is OpenCV's secret
        long, short = suzuki.rectangle(path)
        if short:
            possible.append((long / short, 1 - suzuki.area(path) / (long * short)))
        else:
            possible.append((math.inf if long else math.nan, math.nan))
    assert any(
        (found.elongation, found.irrectangularity) == pytest.approx(one, abs=1e-9, nan_ok=True)
        for one in possible
    )


@given(blots)
@settings(max_examples=150)
def test_the_default_measure_is_the_slow_one(mask: np.ndarray) -> None:
    if not mask.any():
        return
    found = geometry(mask, 1)
    outer = [path for path, hole in suzuki.borders(mask) if not hole]
    longest = [p for p in outer if suzuki.length(p) > max(map(suzuki.length, outer)) - 1e-3]
    possible = []
    for path in longest:
        [part] = [part for part in suzuki.parts(mask) if path[0] in part]
        corners = [(2 * x + i, 2 * y + j) for x, y in part for i in (-1, 1) for j in (-1, 1)]
        long, short = (side / 2 for side in suzuki.rectangle(corners))
        possible.append((long / short, 1 - len(part) / (long * short)))
    assert any(
        (found.elongation, found.irrectangularity) == pytest.approx(one, abs=1e-9)
        for one in possible
    )


def test_it_is_opencvs_rectangle_but_for_single_precision() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        points = generator.integers(0, 500, (12, 2)).astype(np.int32)
        canvas = np.zeros((500, 500), np.uint8)
        cv2.fillConvexPoly(canvas, cv2.convexHull(points), 1)
        [outline] = cv2.findContours(canvas, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]
        (_, (first, second), _) = cv2.minAreaRect(outline)
        found = geometry(canvas.astype(bool), 1, "published")
        assert found.elongation == pytest.approx(max(first, second) / min(first, second), rel=1e-5)


def test_the_sample_has_the_features_of_the_authors_code(shared_data: Path) -> None:
    golden = {  # area ratio, instances, elongation, area by rectangle; own instances
        (64541, EC): (0.146663, 2, 1.08959, 0.641604, 1),
        (64541, CARDIOMEGALY): (0.132162, 1, 1.22182, 0.713012, 1),
        (64541, "Airspace Opacity"): (0.024850, 1, 1.33878, 0.742963, 1),
        (64542, "Support Devices"): (0.0115858, 1, 2.33526, 0.0753990, 1),
    }
    seen = set()
    for sample in CheXlocalize(shared_data / "chexlocalize_sample"):
        for annotation in sample.annotations:
            place = int(sample.image_id[7:12]), annotation.finding
            named = (sample.annotations, annotation.finding, "reference")
            mask = annotation.mask(*annotation.shape.size)
            found = geometry(mask, instances_drawn(*named), "published")
            area, instances, elongation, filled, own = golden[place]
            assert found.area_ratio == pytest.approx(area, rel=5e-5)
            assert found.instances == instances
            assert found.elongation == pytest.approx(elongation, rel=5e-6)
            assert 1 - found.irrectangularity == pytest.approx(filled, rel=1e-5)
            assert instances_drawn(*named, "own_only") == own
            seen.add(place)
    assert seen == set(golden)


def test_copied_contours_are_instances_of_their_own_finding_only() -> None:
    heart = ((10.0, 10.0), (20.0, 10.0), (20.0, 30.0))
    other = ((30.0, 10.0), (40.0, 10.0), (40.0, 30.0))
    annotations = (
        Annotation(EC, "reference", Polygons((other, heart))),
        Annotation(CARDIOMEGALY, "reference", Polygons((heart,))),
        Annotation(EC, "reader", Polygons((heart,))),
    )
    assert instances_drawn(annotations, EC, "reference") == 2
    assert instances_drawn(annotations, EC, "reference", "own_only") == 1
    assert instances_drawn(annotations, CARDIOMEGALY, "reference", "own_only") == 1
    assert instances_drawn(annotations, EC, "reader", "own_only") == 1  # he drew no heart


def test_boxes_count_as_drawn() -> None:
    boxes = Annotation("Mass", "reader", Boxes(((0, 0, 5, 5), (2, 2, 8, 8))))
    assert instances_drawn((boxes,), "Mass", "reader", "own_only") == 2
