"""The sample of CheXlocalize, every number again the slow way, to 1e-9.

The steps of the published code, written out one by one: the map to the size of the film, its
range, Otsu's threshold in 8 bits from its definition, the mask, and counts of pixels.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from heatproof.localize.metrics.dice import Dice
from heatproof.localize.metrics.hit_rate import HitRate
from heatproof.localize.metrics.iou import IoU
from heatproof.localize.metrics.pixel_rates import (
    PixelPrecision,
    PixelSensitivity,
    PixelSpecificity,
)
from heatproof.maps.binarize import Fixed, Otsu
from tests.localize.test_chexlocalize_golden import EC, case

POSITIVE = [
    (64541, EC),
    (64541, "Cardiomegaly"),
    (64541, "Airspace Opacity"),
    (64542, "Support Devices"),
]
THRESHOLDS = [step / 10 for step in range(2, 9)]


def enlarged(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bilinear with half-pixel centres, by the function that the authors used; rounded once."""
    tensor = torch.from_numpy(values)[None, None].double()
    return (
        torch.nn.functional.interpolate(tensor, size=size, mode="bilinear", align_corners=False)[
            0, 0
        ]
        .float()
        .numpy()
    )


def otsu_by_definition(levels: np.ndarray) -> int:
    """The first threshold of the largest variance between classes, over 256 bins."""
    shares = np.bincount(levels.ravel(), minlength=256) / levels.size
    best, threshold = 0.0, 0
    for t in range(256):
        below, above = shares[: t + 1].sum(), shares[t + 1 :].sum()
        if min(below, above) < 1e-7:
            continue
        means = [
            (shares[part] * np.arange(256)[part]).sum() / shares[part].sum()
            for part in (slice(0, t + 1), slice(t + 1, 256))
        ]
        between = below * above * (means[0] - means[1]) ** 2
        if between > best:
            best, threshold = between, t
    return threshold


def counts(predicted: np.ndarray, mask: np.ndarray) -> tuple[int, int, int, int]:
    """True and false positives, false and true negatives, one comparison each."""
    return (
        int((predicted & mask).sum()),
        int((predicted & ~mask).sum()),
        int((~predicted & mask).sum()),
        int((~predicted & ~mask).sum()),
    )


@pytest.mark.parametrize(("patient", "finding"), POSITIVE, ids=str)
def test_every_number_of_a_map(shared_data: Path, patient: int, finding: str) -> None:
    found, saliency, mask = case(shared_data / "chexlocalize_sample", patient, finding)
    native = enlarged(found.values, found.size)
    scaled = (native - native.min()) / (native.max() - native.min())
    levels = (255 * scaled).astype(np.uint8)
    masks = {Otsu(): levels > otsu_by_definition(levels)}
    masks |= {Fixed(t): scaled > t for t in THRESHOLDS}
    for binarize, predicted in masks.items():
        tp, fp, fn, tn = counts(predicted, mask)
        expected = {
            IoU(binarize, "true_positive"): tp / (tp + fp + fn) if tp + fp else np.nan,
            Dice(binarize): 2 * tp / (2 * tp + fp + fn),
            PixelSensitivity(binarize): tp / (tp + fn),
            PixelSpecificity(binarize): tn / (tn + fp),
            PixelPrecision(binarize): tp / (tp + fp) if tp + fp else np.nan,
        }
        for metric, value in expected.items():
            assert metric(saliency, mask) == pytest.approx(value, abs=1e-9, nan_ok=True)
    row, column = np.unravel_index(int(native.argmax()), native.shape)
    assert HitRate(ties="first")(saliency, mask) == mask[row, column]
