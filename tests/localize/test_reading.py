"""What a reader marked is measured as the binarized map of the same pixels would be."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from heatproof.localize import metrics
from heatproof.localize.metrics.hit_rate import HitRate
from heatproof.localize.metrics.miou import MIoU
from heatproof.localize.overlap import CountsPixels, of_masks
from heatproof.localize.reading import Pointing, Reading

MASKS = arrays(bool, (5, 7))
SPECS = (
    "iou", "iou(empty='true_positive')", "iou(empty='full')", "dice", "pixel_sensitivity",
    "pixel_specificity", "pixel_precision", "miou", "pooled",
)  # fmt: skip


def measured(metric, reading, mask):
    """What a metric makes of a reading, as it would of a map."""
    if isinstance(metric, Pointing):
        return metric.of_points(reading.points, mask)
    return metric.of_counts(None if reading.mask is None else of_masks(reading.mask, mask))


@pytest.mark.parametrize("spec", SPECS)
@given(drawn=MASKS, mask=MASKS)
def test_a_mask_scores_what_the_same_map_does(spec, drawn, mask):
    """A map of two values is cut between them; one that is constant is undefined, a reader not."""
    metric = metrics.parse(spec)
    told = measured(metric, Reading(drawn, None), mask)
    if (
        drawn.any()
        and not drawn.all()
        and isinstance(metric, CountsPixels)
        and spec not in SPECS[-2:]
    ):
        assert told == pytest.approx(metric(drawn.astype(np.float32), mask), nan_ok=True)
    shared, found, marked = (drawn & mask).sum(), drawn.sum(), mask.sum()
    if spec in SPECS[-2:]:
        assert list(told[:3]) == [shared, found, marked]
    elif spec == "iou":
        expected = shared / (drawn | mask).sum() if marked else math.nan
        assert told == pytest.approx(expected, nan_ok=True)


def test_a_film_on_which_nothing_was_drawn_is_missed_and_not_left_out():
    mask = np.eye(4, dtype=bool)
    nothing = Reading(np.zeros((4, 4), bool), ())
    assert measured(metrics.parse("iou"), nothing, mask) == 0
    assert math.isnan(measured(metrics.parse("iou(empty='true_positive')"), nothing, mask))
    assert measured(HitRate(), nothing, mask) == 0
    assert list(measured(MIoU(), nothing, mask)) == [0, 0, 4]


def test_any_point_hits():
    mask = np.zeros((4, 4), bool)
    mask[2, 3] = True
    assert measured(HitRate(), Reading(None, ((0, 0), (2, 3))), mask) == 1
    assert measured(HitRate(), Reading(None, ((0, 0), (1, 2))), mask) == 0
    assert measured(HitRate(tolerance=1.5), Reading(None, ((1, 2),)), mask) == 1
    assert math.isnan(measured(HitRate(), Reading(None, ((2, 3),)), np.zeros((4, 4), bool)))


@given(st.booleans())
def test_what_a_reader_never_draws_is_undefined(full):
    mask = np.full((3, 3), full)
    assert math.isnan(measured(HitRate(), Reading(mask, None), mask))
    assert math.isnan(measured(metrics.parse("dice"), Reading(None, ()), mask))


def test_what_asks_for_heights_cannot_tell():
    assert not isinstance(metrics.parse("auprc"), Pointing | CountsPixels)
