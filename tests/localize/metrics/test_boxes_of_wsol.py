"""The dialects of weakly supervised localization, derived again from their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from sklearn.metrics import average_precision_score

from heatproof.data.geometry import Squash
from heatproof.errors import SpecError
from heatproof.localize import Detections, Reference
from heatproof.localize.box_overlap import overlaps
from heatproof.localize.metrics.box_accuracy import BoxAccuracy
from heatproof.localize.metrics.cnr import CNR
from heatproof.localize.metrics.corloc import CorLoc
from heatproof.localize.metrics.false_boxes import FalseBoxes
from heatproof.localize.metrics.max_box_accuracy import MaxBoxAccuracy
from heatproof.localize.metrics.px_ap import PxAP
from heatproof.maps.binarize import Fixed

EIGHT = np.ones((3, 3), int)
SIZE = 12
seeds = given(st.integers(0, 10_000))


def film(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A map of few values, and a mask of one or two boxes."""
    draws = np.random.default_rng(seed)
    saliency = draws.integers(0, 5, (SIZE, SIZE)).astype(np.float32)
    saliency[0, 0], saliency[-1, -1] = 0, 4
    mask = np.zeros((SIZE, SIZE), bool)
    for _ in range(int(draws.integers(1, 3))):
        y, x = draws.integers(0, 8, 2)
        mask[y : y + 4, x : x + 3] = True
    return saliency, mask


def boxes(mask: np.ndarray) -> list[set[tuple[int, int]]]:
    """The pixels of the box around each part, by another library, as sets."""
    labels, _ = ndimage.label(mask, EIGHT)
    return [
        {(y, x) for y in range(*rows.indices(SIZE)) for x in range(*columns.indices(SIZE))}
        for rows, columns in ndimage.find_objects(labels)
    ]


def iou(one: set, other: set) -> float:
    return len(one & other) / len(one | other)


def iobb(found: set, marked: set) -> float:
    return len(found & marked) / len(found)


def value(metric, films) -> float:
    rows = [metric.of_map(s, Squash(SIZE, SIZE), Reference(mask)) for s, mask in films]
    ones = np.ones(len(rows))
    seen = Detections(np.array(rows), ones.astype(int), ones, ones > 0, ones > 0)
    [found] = metric.of_dataset(seen, ones[None])
    return float(found)


@pytest.mark.parametrize(("over", "share"), [("union", iou), ("found", iobb)])
@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.9])
@seeds
@settings(max_examples=15, deadline=None)
def test_boxes_are_found_and_false_as_sets_of_pixels_say(over, share, threshold, seed):
    films = [film(seed + number) for number in range(3)]
    found, false, all_of_them = 0, [], 0
    for saliency, mask in films:
        predicted, marked = boxes(saliency / 4 > 0.6), boxes(mask)
        all_of_them += len(marked)
        found += sum(any(share(p, m) > threshold for p in predicted) for m in marked)
        false.append(sum(all(share(p, m) <= threshold for m in marked) for p in predicted))
    accuracy = BoxAccuracy(threshold, over, Fixed(0.6))
    assert value(accuracy, films) == pytest.approx(found / all_of_them)
    metric = FalseBoxes(threshold, over, Fixed(0.6))
    assert [metric(*one) for one in films] == false


def test_a_small_box_within_the_marked_one_has_all_of_its_iobb():
    found, marked = np.array([[4.0, 4, 2, 2]]), np.array([[0.0, 0, 10, 10]])
    assert overlaps(found, marked).item() == pytest.approx(0.04)
    assert overlaps(found, marked, "found").item() == 1


@seeds
@settings(max_examples=30, deadline=None)
def test_corloc_takes_the_largest_part(seed):
    saliency, mask = film(seed)
    labels, count = ndimage.label(saliency / 4 > 0.2, EIGHT)
    areas = ndimage.sum_labels(labels > 0, labels, range(1, count + 1))
    predicted = boxes(saliency / 4 > 0.2)
    largest = [box for box, area in zip(predicted, areas, strict=True) if area == areas.max()]
    expected = any(iou(p, m) > 0.5 for p in largest for m in boxes(mask))
    assert CorLoc()(saliency, mask) == expected


@seeds
@settings(max_examples=20, deadline=None)
def test_px_ap_is_the_average_precision_of_all_pixels(seed):
    films = [film(seed + number) for number in range(3)]
    truth = np.concatenate([mask.ravel() for _, mask in films])
    scores = np.concatenate([(saliency / 4).ravel() for saliency, _ in films])
    assert value(PxAP(steps=4), films) == pytest.approx(average_precision_score(truth, scores))
    alone = PxAP(steps=4).of_map(films[0][0], Squash(SIZE, SIZE), Reference(films[0][1]))
    own = average_precision_score(films[0][1].ravel(), films[0][0].ravel())
    assert PxAP(steps=4).alone(alone) == pytest.approx(own)


@seeds
@settings(max_examples=10, deadline=None)
def test_max_box_accuracy_is_the_best_of_all_thresholds(seed):
    films = [film(seed + number) for number in range(3)]
    best = []
    for wanted in (0.3, 0.5, 0.7):
        shares = []
        for threshold in np.arange(8) / 8:
            hits = [
                any(
                    iou(p, m) >= wanted
                    for p in boxes(saliency / 4 > threshold)
                    for m in boxes(mask)
                )
                for saliency, mask in films
            ]
            shares.append(np.mean(hits))
        best.append(max(shares))
    assert value(MaxBoxAccuracy(steps=8), films) == pytest.approx(np.mean(best))
    assert value(MaxBoxAccuracy(version=1, steps=8), films) <= best[1] + 1e-12


@seeds
@settings(max_examples=30)
def test_contrast_to_noise_is_that_of_its_formula_and_turns_with_the_map(seed):
    saliency, mask = film(seed)
    a, b = saliency[mask].astype(float), saliency[~mask].astype(float)
    expected = (a.mean() - b.mean()) / (a.std() ** 2 + b.std() ** 2) ** 0.5
    assert CNR()(saliency, mask) == pytest.approx(expected)
    assert CNR()(-saliency, mask) == pytest.approx(-expected)
    assert CNR(sign="absolute")(-saliency, mask) == pytest.approx(abs(expected))


def test_a_map_of_noise_has_no_contrast():
    noise = np.random.default_rng(0).normal(size=(200, 200))
    mask = np.zeros((200, 200), bool)
    mask[50:120, 60:110] = True
    assert CNR()(noise, mask) == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("metric", [BoxAccuracy, FalseBoxes, CorLoc])
def test_a_threshold_that_no_overlap_can_exceed_is_refused(metric):
    with pytest.raises(SpecError, match=r"not in \[0, 1\)"):
        metric(threshold=1.0)
