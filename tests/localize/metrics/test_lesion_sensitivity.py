"""Lesion sensitivity: lesions of known sizes, found and missed."""

import math

import numpy as np
import pytest

from heatproof.data.annotations import Boxes
from heatproof.data.geometry import Squash
from heatproof.errors import SpecError
from heatproof.localize import Detections, Reference, metrics
from heatproof.localize.metrics.lesion_sensitivity import LesionSensitivity
from heatproof.maps.binarize import Fixed

CUT = Fixed(0.5)
BOXES = Boxes(((2, 2, 6, 6), (20, 20, 30, 30), (30, 2, 38, 10)))  # 16, 100 and 64 pixels
REFERENCE = Reference(BOXES.mask(40, 40), (BOXES,))


def found(saliency: np.ndarray, **options: object) -> list[float]:
    metric = LesionSensitivity(binarize=CUT, **options)  # type: ignore[arg-type]
    return list(metric.of_map(saliency, Squash(1, 1), REFERENCE))


def peaks(*places: tuple[int, int]) -> np.ndarray:
    saliency = np.zeros((40, 40), np.float32)
    for place in places:
        saliency[place] = 1
    return saliency


def diameter(pixels: float) -> float:
    return 2 * math.sqrt(pixels / math.pi)


def test_counts_lesions_by_the_diameter_of_a_disc_of_their_area() -> None:
    both = peaks((3, 3), (25, 25), (39, 39))
    assert found(both) == [3, 2]
    assert found(both, unit="mm", spacing=(1.0, 1.0), below=diameter(64)) == [1, 1]
    assert found(both, unit="mm", spacing=(1.0, 1.0), smallest=diameter(64)) == [2, 1]
    # Pixels of 0.5 x 2 mm have the area of those of 1 x 1 mm.
    assert found(both, unit="mm", spacing=(0.5, 2.0), below=diameter(64)) == [1, 1]
    assert found(both, unit="mm", spacing=(0.2, 0.2), below=0.2 * diameter(64)) == [1, 1]
    assert found(both, below=diameter(64) / 40) == [1, 1]
    assert found(both, unit="mm", spacing=(1.0, 1.0), smallest=100.0) == [0, 0]


def test_is_left_out_where_it_cannot_be_known() -> None:
    assert np.isnan(found(peaks((3, 3)), unit="mm")).all()
    assert np.isnan(found(np.ones((40, 40), np.float32))).all()
    assert "spacing" in LesionSensitivity(unit="mm").undefined


def test_counts_lesions_and_not_films() -> None:
    rows = np.array([[1, 1], [4, 1], [np.nan, np.nan], [0, 0]])
    has = np.ones(4, bool)
    seen = Detections(rows, np.ones(4, int), np.ones(4), has, has)
    metric = LesionSensitivity()
    weights = np.array([[1, 1, 1, 1], [2, 0, 1, 1], [0, 0, 1, 1]], float)
    assert metric.of_dataset(seen, weights) == pytest.approx([2 / 5, 1, np.nan], nan_ok=True)
    assert [metric.alone(row) for row in rows] == pytest.approx(
        [1, 0.25, np.nan, np.nan], nan_ok=True
    )


def test_is_spelled_by_its_range() -> None:
    spec = "lesion_sensitivity(smallest=5.0, below=10.0, unit='mm')"
    assert metrics.spec(metrics.parse(spec)) == spec
    with pytest.raises(SpecError, match="expected 0 <= smallest < below"):
        LesionSensitivity(5.0, 5.0)
