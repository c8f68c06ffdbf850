"""Pooled pixels: the authors' numbers, and all films as one long image."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heatproof.data.geometry import Squash
from heatproof.errors import SpecError
from heatproof.localize import Detections, Reference, metrics
from heatproof.localize.metrics.pooled import Pooled
from heatproof.maps.binarize import Fixed
from tests.localize.test_chexlocalize_golden import case

RATES = ("pixel_sensitivity", "pixel_specificity", "pixel_precision", "iou", "dice")


def pooled(rate: str, cut: float | None = None, films: str = "known") -> Pooled:
    options = "" if cut is None else f"(binarize=fixed(threshold={cut}))"
    part = metrics.parse(f"pooled(rate={rate}{options}, films={films!r})")
    assert isinstance(part, Pooled)
    return part


def seen_by(metric: Pooled, films: list[tuple[np.ndarray, np.ndarray]]) -> Detections:
    frame = Squash(1, 1)
    rows = [metric.of_map(saliency, frame, Reference(mask)) for saliency, mask in films]
    has = np.array([mask.any() for _, mask in films], bool)
    annotated = np.arange(len(films)) % 2 == 0
    return Detections(np.array(rows), has.astype(int), np.ones(len(films)), annotated, has)


@pytest.mark.parametrize("rate", RATES)
@given(seed=st.integers(0, 1000), count=st.integers(1, 5), drawn=st.integers(0, 80))
@settings(max_examples=25)
def test_is_the_metric_of_all_films_laid_side_by_side(rate: str, seed: int, count: int, drawn: int):
    generator = np.random.default_rng(seed)
    films = []
    for _ in range(count):
        saliency = generator.random((5, 6)).astype(np.float32)
        saliency.flat[:2] = 0, 1  # so that scaling each map changes nothing
        films.append((saliency, generator.random((5, 6)) < generator.choice([0, 0.4])))
    empty = ", empty='full'" if rate in ("iou", "dice") else ""
    plain = metrics.parse(f"{rate}(binarize=fixed(threshold=0.5){empty})")
    weights = np.array([1 + (drawn >> i) % 2 for i in range(count)])
    for chosen in ("known", "annotated"):
        picked = [
            film
            for i, film in enumerate(films)
            for _ in range(weights[i])
            if chosen == "known" or i % 2 == 0
        ]
        long, truth = (np.concatenate(side, axis=1) for side in zip(*picked, strict=True))
        expected = plain(long, truth)  # type: ignore[operator]
        if rate == "pixel_precision" and not truth.any():
            expected = 0.0  # whatever is marked is wrong; one film alone is undefined
        one = pooled(rate, 0.5, chosen)
        [value] = one.of_dataset(seen_by(one, films), weights[None].astype(float))
        assert value == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("finding", "precision", "recall", "specificity"),
    [
        ("Enlarged Cardiomediastinum", 0.4302, 0.5756, 0.9243),
        ("Cardiomegaly", 0.2913, 0.4971, 0.8928),
        ("Support Devices", 0.0156, 0.8464, 0.7615),
    ],
)
def test_the_golden_rates_of_the_chexlocalize_sample(
    shared_data: Path, finding: str, precision: float, recall: float, specificity: float
) -> None:
    """Spec 10: both films of the authors' sample count, the finding present or not."""
    films = [
        (found.values, mask)
        for found, _, mask in (
            case(shared_data / "chexlocalize_sample", patient, finding)
            for patient in (64541, 64542)
        )
    ]
    expected = (precision, recall, specificity)
    names = ("pixel_precision", "pixel_sensitivity", "pixel_specificity")
    for rate, value in zip(names, expected, strict=True):
        metric = pooled(rate)
        rows = [
            metric.of_map(saliency, Squash(320, 320), Reference(mask)) for saliency, mask in films
        ]
        both = np.ones(2, bool)
        has = np.array([mask.any() for _, mask in films])
        found = Detections(np.array(rows), has.astype(int), np.ones(2), both, has)
        [pool] = metric.of_dataset(found, np.ones((1, 2)))
        assert pool == pytest.approx(value, abs=5e-5)


def test_large_films_count_more() -> None:
    """One film of 4 pixels found, one of 96 missed: 2 of 2 and 0 of 48 marked pixels."""
    metric = Pooled(metrics.parse("pixel_sensitivity(binarize=fixed(threshold=0.5))"))  # type: ignore[arg-type]
    small = (np.array([[1, 0]] * 2, np.float32), np.array([[True, False]] * 2))
    large = (np.array([[0, 1]] * 48, np.float32), np.array([[True, False]] * 48))
    found = seen_by(metric, [small, large])
    assert metric.of_dataset(found, np.ones((1, 2))) == pytest.approx(2 / 50)
    assert [metric.alone(row) for row in found.seen] == [1, 0]


def test_pools_only_ratios_of_pixels() -> None:
    with pytest.raises(SpecError, match="expected a ratio of counts of pixels"):
        metrics.parse("pooled(rate=hit_rate)")
    assert metrics.spec(Pooled()) == "pooled"
    assert Pooled().per_map == "Pixel sensitivity per film"
    assert Fixed(0.5) == pooled("iou", 0.5).rate.binarize  # type: ignore[union-attr]
