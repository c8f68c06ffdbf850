"""Random maps: uniform, the same every time, and each drawn on its own."""

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from heatproof.saliency import explain, methods
from tests.saliency.conftest import make


def noise(images: Tensor, targets: list[int], spec: str = "random") -> np.ndarray:
    model = make("adapted").to(images.dtype)
    return explain(methods.parts([spec]), model, images, targets).maps[spec].values.numpy()


def test_the_noise_is_uniform(images: Tensor) -> None:
    values = noise(images, [0, 1, 2]).ravel()
    assert values.min() >= 0
    assert values.max() < 1
    assert stats.kstest(values, "uniform").pvalue > 0.01


def test_maps_are_independent_of_each_other(images: Tensor) -> None:
    maps = noise(images, [0, 1, 2]).reshape(9, -1)
    correlations = np.corrcoef(maps)[np.triu_indices(9, k=1)]
    assert np.abs(correlations).max() < 4 / np.sqrt(maps.shape[1])  # 4 standard errors


def test_a_map_follows_from_seed_finding_and_radiograph_alone(images: Tensor) -> None:
    maps = noise(images, [0, 2])
    assert (noise(images.flip(0), [2, 0])[::-1, ::-1] == maps).all()
    assert (noise(images.double(), [0, 2]) == maps).all()
    assert (noise(images.contiguous(memory_format=torch.channels_last), [0, 2]) == maps).all()
    assert not np.isclose(noise(images, [0, 2], "random(seed=1)"), maps).all(axis=(2, 3)).any()
    assert not np.isclose(noise(images + 1, [0, 2]), maps).all(axis=(2, 3)).any()
