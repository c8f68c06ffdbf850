"""Dice and the pixel rates: pixels counted one by one, and what ties them to each other."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import confusion_matrix, f1_score

from heatproof.localize.metrics.dice import Dice
from heatproof.localize.metrics.iou import IoU
from heatproof.localize.metrics.pixel_rates import (
    PixelPrecision,
    PixelSensitivity,
    PixelSpecificity,
)
from heatproof.maps.binarize import Fixed

shapes = st.shared(hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=8), key="shape")
masks = hnp.arrays(bool, shapes)
maps = hnp.arrays(np.float32, shapes, elements=st.integers(0, 4).map(float))
NAN = float("nan")


def share(part: int, whole: int) -> float:
    return part / whole if whole else NAN


@given(maps, masks)
def test_rates_are_those_of_the_confusion_matrix(saliency: np.ndarray, mask: np.ndarray) -> None:
    assume(saliency.min() < saliency.max())
    cut = Fixed(0.4)
    predicted = cut(saliency)
    assert predicted is not None
    (tn, fp), (fn, tp) = confusion_matrix(mask.ravel(), predicted.ravel(), labels=[False, True])
    same = {"nan_ok": True, "abs": 1e-12}
    assert PixelSensitivity(cut)(saliency, mask) == pytest.approx(share(tp, tp + fn), **same)
    assert PixelSpecificity(cut)(saliency, mask) == pytest.approx(share(tn, tn + fp), **same)
    if mask.any():
        assert PixelPrecision(cut)(saliency, mask) == pytest.approx(share(tp, tp + fp), **same)
        dice = f1_score(mask.ravel(), predicted.ravel(), zero_division=0.0)
        assert Dice(cut)(saliency, mask) == pytest.approx(dice, abs=1e-12)


@given(maps, masks, st.sampled_from(["reference_positive", "full", "true_positive"]))
def test_dice_follows_from_iou_and_is_undefined_with_it(
    saliency: np.ndarray, mask: np.ndarray, empty: str
) -> None:
    iou = IoU(Fixed(0.4), empty)(saliency, mask)  # type: ignore[arg-type]
    dice = Dice(Fixed(0.4), empty)(saliency, mask)  # type: ignore[arg-type]
    assert dice == pytest.approx(2 * iou / (1 + iou), nan_ok=True, abs=1e-12)
