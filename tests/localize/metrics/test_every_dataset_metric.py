"""What holds for every metric of data sets, found through the registry."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heatproof.data.annotations import Boxes
from heatproof.data.geometry import Squash
from heatproof.localize import DatasetMetric, Detections, LocalizationMetric, Reference, metrics

SPECS = [
    *(name for name in metrics.names() if isinstance(metrics.parse(name), DatasetMetric)),
    "pooled(rate=pixel_specificity)",
    "pooled(rate=pixel_precision, films='annotated')",
    "pooled(rate=iou)",
    "miou(cutoff=0.5)",
    "miou(cutoff=0.5, over='true_positive')",
    "box_ap(thresholds=(0.25, 0.5, 0.75))",
    "pointwise_ap(variant='box')",
    "box_accuracy(threshold=0.1, over='found')",
    "max_box_accuracy(version=1, steps=7)",
]
EVERY = pytest.mark.parametrize("spec", SPECS)
SIZE = (24, 30)
Film = tuple[np.ndarray, Reference, float]


def part(spec: str) -> DatasetMetric:
    found = metrics.parse(spec)
    assert isinstance(found, DatasetMetric)
    return found


def draw(seed: int, count: int) -> list[Film]:
    """Maps of 6 x 5 cells, some constant; films with up to two boxes; many equal probabilities."""
    generator = np.random.default_rng(seed)
    films = []
    for _ in range(count):
        saliency = generator.integers(0, 4, (6, 5)).astype(np.float32)
        if generator.random() < 0.15:
            saliency[:] = 1
        corners = generator.integers(0, 14, (int(generator.integers(0, 3)), 2))
        boxes = Boxes(tuple((int(x), int(y), int(x) + 9, int(y) + 7) for x, y in corners))
        reference = Reference(boxes.mask(*SIZE), (boxes,) if len(corners) else ())
        films.append((saliency, reference, float(generator.integers(0, 5) / 4)))
    return films


def detections(metric: DatasetMetric, films: list[Film]) -> Detections:
    """As a run makes them: films without the finding are seen by metrics that ask for it."""
    rows = [
        metric.of_map(saliency, Squash(60, 50), reference)
        if reference.mask.any() or metric.sees_negatives
        else np.array([np.nan])
        for saliency, reference, _ in films
    ]
    seen = np.full((len(rows), max(map(len, rows), default=1)), np.nan)
    for padded, row in zip(seen, rows, strict=True):
        padded[: len(row)] = row
    regions = [sum(1 for _ in reference.lesions()) for _, reference, _ in films]
    has = np.array(regions, int) > 0
    return Detections(
        seen, np.array(regions, int), np.array([p for *_, p in films], float), has, has
    )


def value(metric: DatasetMetric, films: list[Film]) -> float:
    [found] = metric.of_dataset(detections(metric, films), np.ones((1, len(films))))
    return float(found)


several = given(seed=st.integers(0, 10_000), count=st.integers(0, 6))


@EVERY
@several
@settings(max_examples=25)
def test_lies_between_0_and_1_whatever_the_order_of_films(spec: str, seed: int, count: int) -> None:
    metric, films = part(spec), draw(seed, count)
    found = value(metric, films)
    assert np.isnan(found) or 0 <= found <= 1 + 1e-12
    assert value(metric, films[::-1]) == pytest.approx(found, nan_ok=True)


@EVERY
@several
@settings(max_examples=25)
def test_a_film_that_counts_twice_is_two_films_and_one_that_does_not_is_none(
    spec: str, seed: int, count: int
) -> None:
    metric, films = part(spec), draw(seed, count)
    weights = np.random.default_rng(seed).integers(0, 3, (4, count))
    seen = detections(metric, films)
    found = metric.of_dataset(seen, weights.astype(float))
    for row, drawn in zip(found, weights, strict=True):
        repeated = [film for film, n in zip(films, drawn, strict=True) for _ in range(n)]
        assert value(metric, repeated) == pytest.approx(float(row), nan_ok=True)


@EVERY
@several
@settings(max_examples=25)
def test_a_map_that_says_nothing_leaves_its_film_out(spec: str, seed: int, count: int) -> None:
    """But a metric with a cut-off knows that a film that is not called has an empty mask."""
    metric, films = part(spec), draw(seed, count)
    film = (np.ones((6, 5), np.float32), draw(seed, 20)[-1][1], 1.0)
    if not film[1].mask.any() and not metric.sees_negatives:
        return  # it is not looked at
    assert value(metric, [*films, film]) == pytest.approx(value(metric, films), nan_ok=True)


@EVERY
def test_maps_that_are_the_masks_are_perfect(spec: str) -> None:
    metric, films = part(spec), []
    for row, column in ((0, 0), (3, 1), (2, 2)):
        saliency = np.zeros((6, 5), np.float32)
        saliency[row : row + 3, column : column + 2] = 1
        mask = np.kron(saliency, np.ones((4, 6))) > 0
        films.append((np.kron(saliency, np.ones((4, 6))).astype(np.float32), Reference(mask), 0.9))
    films.append((np.zeros(SIZE, np.float32), Reference(np.zeros(SIZE, bool)), 0.1))
    assert value(metric, films) == pytest.approx(1)
    seen = detections(metric, films)
    assert [metric.alone(row) for row in seen.seen[:3]] == pytest.approx([1, 1, 1])


@EVERY
def test_is_undefined_without_a_film(spec: str) -> None:
    assert np.isnan(value(part(spec), []))


@EVERY
def test_explains_itself(spec: str) -> None:
    metric = part(spec)
    assert metric.title
    assert metric.undefined
    assert metric.per_map
    assert metrics.spec(metric) == spec
    assert not isinstance(metric, LocalizationMetric)
    assert metric.chance in (None, 0.5)
