"""Against boxes: the metric itself, of another mask."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from heatproof.errors import SpecError
from heatproof.localize import lower_is_better, metrics, sees_negatives
from heatproof.localize.metrics.boxed import boxed


@pytest.mark.parametrize("base", ["iou", "hit_rate", "auprc", "surface_distance"])
@given(mask=arrays(bool, (6, 8)))
def test_it_is_the_metric_of_the_boxes(base, mask):
    saliency = np.random.default_rng(0).random((6, 8), np.float32)
    metric, of_boxes = metrics.parse(base), metrics.parse(f"boxed(base={base})")
    told = of_boxes(saliency, mask)
    assert told == pytest.approx(metric(saliency, boxed(mask)), nan_ok=True)
    assert lower_is_better(of_boxes) == lower_is_better(metric)


def test_boxes_of_boxes_change_nothing():
    mask = np.zeros((6, 8), bool)
    mask[1:3, 2:7] = mask[4, 0] = True
    saliency = np.arange(48, dtype=np.float32).reshape(6, 8)
    for base in ("iou", "auprc"):
        assert metrics.parse(f"boxed(base={base})")(saliency, mask) == metrics.parse(base)(
            saliency, mask
        )
    assert sees_negatives(metrics.parse("boxed(base=iou(empty='full'))"))


@pytest.mark.parametrize("base", ["miou", "boxed"])
def test_what_is_no_metric_of_maps_is_refused(base):
    with pytest.raises(SpecError, match="expected a metric of maps"):
        metrics.parse(f"boxed(base={base})")


@given(mask=arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=20)))
def test_each_part_has_its_box(mask):
    count, parts = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    expected = np.zeros_like(mask)
    for part in range(1, count):
        rows, columns = np.nonzero(parts == part)
        expected[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    assert np.array_equal(boxed(mask), expected)
