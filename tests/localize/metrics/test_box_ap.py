"""Box AP: COCO's own evaluation, on random films and on resamples of them."""

import contextlib
import io
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from heatproof.data.annotations import Boxes
from heatproof.data.geometry import Squash
from heatproof.errors import SpecError
from heatproof.localize import Detections, Reference
from heatproof.localize.metrics.box_ap import BoxAP
from heatproof.maps.binarize import Fixed

THRESHOLDS = (0.3, 0.5, 0.75)
SIZE = 40


def films(seed: int, count: int) -> list[tuple[np.ndarray, Boxes, float]]:
    """A map with a few bright rectangles, some near the lesions; every height occurs once."""
    generator = np.random.default_rng(seed)
    heights = iter(generator.permutation(1000) / 2000 + 0.5)
    found = []
    for _ in range(count):
        saliency, drawn = np.zeros((SIZE, SIZE), np.float32), []
        saliency[-1, -1] = 1  # the range of every map; a mark of one pixel
        for _ in range(int(generator.integers(0, 4))):
            x, y = generator.integers(0, SIZE - 14, 2)
            width, height = generator.integers(3, 12, 2)
            drawn.append((int(x), int(y), int(x + width), int(y + height)))
            if generator.random() < 0.8:
                dx, dy = generator.integers(0, 3, 2)
                saliency[y + dy : y + dy + height, x + dx : x + dx + width] = next(heights)
        found.append((saliency, Boxes(tuple(drawn)), float(next(heights))))
    return found


def reference(boxes: Boxes) -> Reference:
    return Reference(boxes.mask(SIZE, SIZE), (boxes,) if boxes.boxes else ())


def detections(metric: BoxAP, found: list[tuple[np.ndarray, Boxes, float]]) -> Detections:
    rows = [metric.of_map(s, Squash(1, 1), reference(boxes)) for s, boxes, _ in found]
    seen = np.full((len(rows), max(map(len, rows))), math.nan)
    for padded, row in zip(seen, rows, strict=True):
        padded[: len(row)] = row
    has = np.array([bool(boxes.boxes) for _, boxes, _ in found])
    return Detections(seen, has.astype(int), np.array([p for *_, p in found]), has, has)


def coco(found: list[tuple[np.ndarray, Boxes, float]]) -> float:
    """COCOeval, with the marks drawn and ranked as the definition says."""
    from heatproof.localize.marks import marks

    truth = {
        "images": [{"id": i + 1} for i in range(len(found))],
        "categories": [{"id": 1}],
        "annotations": [],
    }
    results = []
    for i, (saliency, boxes, p) in enumerate(found):
        for x0, y0, x1, y1 in boxes.boxes:
            box = [x0, y0, x1 - x0, y1 - y0]
            truth["annotations"].append(
                {
                    "id": len(truth["annotations"]) + 1, "image_id": i + 1, "category_id": 1,
                    "bbox": box, "area": box[2] * box[3], "iscrowd": 0,
                }
            )  # fmt: skip
        made = marks(saliency, Fixed(0.4))
        assert made is not None
        for strength, box in zip(made.strength, made.boxes.tolist(), strict=True):
            results.append(
                {"image_id": i + 1, "category_id": 1, "bbox": box, "score": p * strength}
            )
    if not truth["annotations"]:
        return math.nan
    with contextlib.redirect_stdout(io.StringIO()):
        known = COCO()
        known.dataset = truth
        known.createIndex()
        evaluated = COCOeval(known, known.loadRes(results), "bbox")
        evaluated.params.iouThrs = np.array(THRESHOLDS)
        evaluated.evaluate()
        evaluated.accumulate()
    return float(evaluated.eval["precision"][:, :, 0, 0, -1].mean())


@given(seed=st.integers(0, 10_000), count=st.integers(1, 7))
@settings(max_examples=25)
def test_equals_cocos_evaluation(seed: int, count: int) -> None:
    found, metric = films(seed, count), BoxAP(THRESHOLDS, Fixed(0.4))
    [value] = metric.of_dataset(detections(metric, found), np.ones((1, count)))
    # COCO adds the spacing of doubles to each denominator.
    assert value == pytest.approx(coco(found), nan_ok=True, abs=1e-12)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=10)
def test_resamples_are_cocos_of_repeated_films(seed: int) -> None:
    """The copies of a film tie: COCO reads them one by one, in an order that means nothing."""
    found, metric = films(seed, 5), BoxAP(THRESHOLDS, Fixed(0.4))
    weights = np.random.default_rng(seed).integers(0, 3, 5)
    seen = detections(metric, found)
    [value] = metric.of_dataset(seen, weights[None].astype(float))
    twice = [film for film, n in zip(found, weights, strict=True) for _ in range(n)]
    if twice:
        [listed] = metric.of_dataset(detections(metric, twice), np.ones((1, len(twice))))
        assert value == pytest.approx(listed, nan_ok=True)
    else:
        assert math.isnan(value)


def test_the_strongest_mark_chooses_first() -> None:
    """Both boxes overlap the lesion by half or more; the weaker one is left without."""
    saliency = np.zeros((SIZE, SIZE), np.float32)
    saliency[10:20, 10:19], saliency[10:20, 20:22] = 1, 0.9
    boxes = Boxes(((10, 10, 20, 20),))
    seen = BoxAP((0.5, 0.95), Fixed(0.5)).of_map(saliency, Squash(1, 1), reference(boxes))
    assert seen == pytest.approx([1, 1, 1, 0, 0.9, 0, 0])
    assert BoxAP((0.5, 0.95)).alone(seen) == 0.5


@pytest.mark.parametrize("thresholds", [(), (0.0,), (0.5, 1.5)])
def test_refuses_thresholds_that_are_none(thresholds: tuple[float, ...]) -> None:
    with pytest.raises(SpecError, match="expected IoUs"):
        BoxAP(thresholds)
