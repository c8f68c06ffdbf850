"""Pooled AUROC: scikit-learn's of every pixel of every film, on 256 steps."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from heatproof.data.geometry import Squash
from heatproof.localize import Detections, Reference
from heatproof.localize.metrics.pooled_auroc import PooledAUROC


def films(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    generator = np.random.default_rng(count)
    found = []
    for _ in range(count):
        mask = np.zeros((30, 40), bool)
        row, column = generator.integers(0, 20, 2)
        mask[row : row + 10, column : column + 12] = True
        noisy = generator.normal(size=mask.shape) * generator.uniform(1, 5) + mask
        found.append((noisy.astype(np.float32) ** 3, mask))
    return found


def detections(found: list[tuple[np.ndarray, np.ndarray]]) -> Detections:
    metric, n = PooledAUROC(), len(found)
    rows = [metric.of_map(saliency, Squash(1, 1), Reference(mask)) for saliency, mask in found]
    return Detections(
        np.array(rows), np.ones(n, int), np.ones(n), np.ones(n, bool), np.ones(n, bool)
    )


def stepped(saliency: np.ndarray) -> np.ndarray:
    scaled = (saliency - saliency.min()) / (saliency.max() - saliency.min())
    return np.minimum(np.floor(scaled * 256), 255)


def test_equals_scikit_learn_over_all_pixels() -> None:
    found = films(6)
    seen = detections(found)
    [value] = PooledAUROC().of_dataset(seen, np.ones((1, 6)))
    truth = np.concatenate([mask.ravel() for _, mask in found])
    levels = np.concatenate([stepped(saliency).ravel() for saliency, _ in found])
    assert value == pytest.approx(roc_auc_score(truth, levels), abs=1e-12)
    alone = [PooledAUROC().alone(row) for row in seen.seen]
    each = [roc_auc_score(mask.ravel(), stepped(saliency).ravel()) for saliency, mask in found]
    assert alone == pytest.approx(each, abs=1e-12)
    assert value != pytest.approx(np.mean(each), abs=1e-3)  # pooling asks something else


def test_steps_cost_little() -> None:
    saliency, mask = films(1)[0]
    smooth = np.tanh(saliency / 20)
    seen = PooledAUROC().of_map(smooth, Squash(1, 1), Reference(mask))
    exact = roc_auc_score(mask.ravel(), smooth.ravel())
    assert PooledAUROC().alone(seen) == pytest.approx(exact, abs=0.005)


def test_is_undefined_where_everything_is_marked_or_the_map_is_constant() -> None:
    metric, mask = PooledAUROC(), np.ones((3, 4), bool)
    assert np.isnan(metric.of_map(np.ones((3, 4), np.float32), Squash(1, 1), Reference(mask))[0])
    everything = metric.of_map(np.eye(3, 4, dtype=np.float32), Squash(1, 1), Reference(mask))
    assert np.isnan(metric.alone(everything))
