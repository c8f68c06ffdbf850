"""Small studies drawn at random, for tests."""

import numpy as np

from heatproof.stats.mrmc.ratings import UNMARKED, Marks, Ratings


def names(*sizes: int) -> list[tuple[str, ...]]:
    return [tuple(f"{letter}{i}" for i in range(n)) for letter, n in zip("mrc", sizes, strict=True)]


def drawn(seed: int, shape=(2, 3, 14), holes: float = 0.0, categories: int = 5) -> Ratings:
    generator = np.random.default_rng(seed)
    truth = np.arange(shape[2]) % 2 == 0
    values = (
        np.round(generator.normal(size=shape) + truth + generator.normal(size=shape[2]))
        % categories
    )
    values[generator.random(shape) < holes] = np.nan
    return Ratings(values, truth, *names(*shape))


def marked(seed: int, shape=(2, 2, 10), lesions: int = 3, false: int = 2) -> Marks:
    generator = np.random.default_rng(seed)
    count = np.where(np.arange(shape[2]) % 2, 0, generator.integers(1, lesions + 1, shape[2]))
    there = np.arange(lesions) < count[:, None]
    weights = generator.random((shape[2], lesions)) * there
    weights /= np.maximum(weights.sum(1, keepdims=True), 1e-9)

    def ratings(size: int) -> np.ndarray:
        rated = generator.integers(1, 5, (*shape, size)).astype(float)
        return np.where(generator.random((*shape, size)) < 0.4, UNMARKED, rated)

    read = np.ones(shape, dtype=bool)
    return Marks(ratings(lesions), ratings(false), weights, read, *names(*shape))
