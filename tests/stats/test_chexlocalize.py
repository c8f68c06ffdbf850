"""CheXlocalize's own bootstrap: golden values of their code, and their loop written out."""

import math

import numpy as np
import pytest

from heatproof.stats import chexlocalize
from heatproof.stats.correlation import fisher

NAN = float("nan")


@pytest.mark.parametrize(("images", "first"), [(187, 17_329), (668, 221_242)])
def test_draws_are_those_of_the_legacy_generator(images: int, first: int) -> None:
    """The sum of the indices of the first replicate at seed 0, as measured on the authors' code."""
    drawn = chexlocalize.replicates(np.arange(images, dtype=float)[:, None], resamples=2)
    assert drawn[0, 0] * images == pytest.approx(first, abs=1e-6)


def test_the_sample_of_two_films_has_the_summary_of_the_authors() -> None:
    """Columns: Enlarged Cardiomediastinum, Cardiomegaly, Support Devices; full set."""
    iou = np.array([[0.4623471, 0.3662062, 0], [0, 0, 0.0332904]])
    found = chexlocalize.summary(chexlocalize.replicates(iou)).rounded()
    assert found.mean.tolist() == [0.227, 0.180, 0.017]
    assert found.low.tolist() == [0, 0, 0]
    assert found.high.tolist() == [0.462, 0.366, 0.033]


def test_replicates_without_a_case_break_the_upper_end_as_in_the_reference() -> None:
    found = chexlocalize.summary(chexlocalize.replicates(np.array([[0.4623471], [NAN]])))
    assert (found.mean[0], found.low[0]) == pytest.approx((0.4623471, 0.4623471))
    assert math.isnan(found.high[0])


def by_hand(values: np.ndarray, resamples: int) -> list[list[float]]:
    """One replicate, one column, one image at a time."""
    generator = np.random.RandomState(0)
    drawn = []
    for _ in range(resamples):
        rows = generator.choice(len(values), size=len(values), replace=True)
        means = []
        for column in range(values.shape[1]):
            defined = [values[row, column] for row in rows if not math.isnan(values[row, column])]
            means.append(math.fsum(defined) / len(defined) if defined else NAN)
        drawn.append(means)
    return drawn


def nan_mean(values: list[float]) -> float:
    defined = [value for value in values if not math.isnan(value)]
    return math.fsum(defined) / len(defined)


def ends(values: list[float]) -> tuple[float, float]:
    ordered = sorted(values, key=lambda value: (math.isnan(value), value))
    count = len(ordered)
    return ordered[int(0.025 * count) - 1], ordered[int(0.975 * count) - 1]


def test_220_synthetic_images_have_the_means_and_decreases_of_the_loop_written_out() -> None:
    generator = np.random.default_rng(5)
    human = generator.uniform(0, 1, (220, 4))
    saliency = human * generator.uniform(0, 1.2, (220, 4))
    for table in (human, saliency):
        table[generator.random((220, 4)) < 0.6] = NAN
    human[3:, 3] = saliency[3:, 3] = NAN  # a rare finding
    human[:3, 3], saliency[:3, 3] = (0.5, 0.4, NAN), (0.2, NAN, 0.3)
    tables = [chexlocalize.replicates(table) for table in (saliency, human)]
    loops = [by_hand(table, 1000) for table in (saliency, human)]
    for fast, slow in zip(tables, loops, strict=True):
        assert np.allclose(fast, slow, rtol=0, atol=1e-9, equal_nan=True)
        told = chexlocalize.summary(fast)
        for column in range(4):
            values = [row[column] for row in slow]
            assert told.mean[column] == pytest.approx(nan_mean(values), abs=1e-9)
            assert (told.low[column], told.high[column]) == pytest.approx(
                ends(values), abs=1e-9, nan_ok=True
            )
    found = chexlocalize.percentage_decrease(*tables)
    means = [[nan_mean([row[k] for row in loop]) for k in range(4)] for loop in loops]
    expected = [100 * (h - s) / h for s, h in zip(*means, strict=True)]
    s, h = (sum(round(mean, 3) for mean in of) / 4 for of in means)
    assert found.value == pytest.approx([*expected, 100 * (h - s) / h], abs=1e-9)
    below = [[(h - s) / h for s, h in zip(*rows, strict=True)] for rows in zip(*loops, strict=True)]
    average = [(nan_mean(h) - nan_mean(s)) / nan_mean(h) for s, h in zip(*loops, strict=True)]
    for column, values in enumerate([[row[k] for row in below] for k in range(4)] + [average]):
        low, high = ends(values)
        assert found.low[column] == pytest.approx(100 * round(low, 3), abs=1e-9, nan_ok=True)
        assert found.high[column] == pytest.approx(100 * round(high, 3), abs=1e-9, nan_ok=True)


def test_spearmans_published_interval_is_fishers_with_the_n_of_another_table() -> None:
    """Saporta et al. 2022: .285 [.239, .331] for 2,365 pairs."""
    possible = np.arange(0.2845, 0.2855, 0.0001)  # what rounds to .285

    def intervals(n: int) -> set[tuple[float, ...]]:
        return {tuple(np.round(fisher(float(r), n), 3)) for r in possible}

    assert (0.239, 0.331) in intervals(chexlocalize.PUBLISHED_SPEARMAN_N)
    assert (0.248, 0.322) in intervals(2365)
    assert (0.239, 0.331) not in intervals(2365)
