"""Agreement: the worked examples of its papers, and definitions in loops."""

import numpy as np
import pytest
from scipy.stats import chi2, norm
from sklearn.metrics import cohen_kappa_score

from heatproof.errors import DataError
from heatproof.stats.mrmc.agreement import fleiss, intraclass, kappa, limits_of_agreement

# Shrout & Fleiss 1979, table 2: six targets, four judges.
JUDGED = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]],
    dtype=float,
)


@pytest.mark.parametrize(
    ("form", "single", "averaged"),
    [("one-way", 0.17, 0.44), ("agreement", 0.29, 0.62), ("consistency", 0.71, 0.91)],
)
def test_intraclass_correlations_are_those_of_shrout_and_fleiss(form, single, averaged):
    assert round(intraclass(JUDGED, form).value, 2) == single
    assert round(intraclass(JUDGED, form, averaged=True).value, 2) == averaged


@pytest.mark.parametrize(
    ("form", "low", "high"),
    # As R's package psych prints them for these data (ICC1, ICC2, ICC3).
    [("one-way", -0.133, 0.723), ("agreement", 0.019, 0.761), ("consistency", 0.342, 0.946)],
)
def test_intervals_are_those_of_psych(form, low, high):
    found = intraclass(JUDGED, form)
    assert (round(found.low, 3), round(found.high, 3)) == pytest.approx((low, high), abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["agreement", "consistency"])
def test_the_interval_of_the_intraclass_correlation_covers_the_truth(form):
    generator, inside = np.random.default_rng(0), 0
    truth = 4 / (4 + 1 + (form == "agreement"))
    for _ in range(600):
        values = 2 * generator.normal(size=(20, 1)) + generator.normal(size=(20, 6))
        values += generator.normal(size=6)
        found = intraclass(values, form)
        inside += found.low <= truth <= found.high
    assert 0.93 <= inside / 600 <= 0.975


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
def test_kappa_is_that_of_scikit_learn(weights):
    generator = np.random.default_rng(0)
    first = generator.integers(0, 4, 60)
    second = np.where(generator.random(60) < 0.6, first, generator.integers(0, 4, 60))
    found = kappa(first, second, weights)
    assert found.estimate == pytest.approx(cohen_kappa_score(first, second, weights=weights))
    assert found.low < found.estimate < found.high


def test_fleiss_is_that_of_his_paper():
    """Fleiss, Psychol Bull 1971: the shares of agreement in a table of ten cases, six ratings."""
    generator = np.random.default_rng(1)
    categories = generator.integers(0, 3, (10, 6))
    counts = np.stack([(categories == c).sum(1) for c in range(3)], axis=1)
    agreed = ((counts**2).sum(1) - 6) / 30
    chance = ((counts.sum(0) / 60) ** 2).sum()
    found = fleiss(categories)
    assert found.estimate == pytest.approx((agreed.mean() - chance) / (1 - chance))
    same = fleiss(np.repeat(generator.integers(0, 3, (10, 1)), 4, axis=1))
    assert (same.estimate, same.error) == (1.0, 0.0)


def test_limits_of_single_measurements_are_bland_and_altmans():
    differences = np.random.default_rng(2).normal(1, 2, 40)
    found = limits_of_agreement(differences, [str(i) for i in range(40)])
    sd = differences.std(ddof=1)
    assert found.lower.value == pytest.approx(differences.mean() - norm.isf(0.025) * sd)
    assert found.sd == pytest.approx(sd)
    # Zou's interval of one variance: that of chi-square, joined with that of the mean.
    upper = sd * np.sqrt(39 / chi2.ppf(0.025, 39))
    outer = np.hypot(1.959964 * sd / np.sqrt(40), 1.959964 * (upper - sd))
    assert found.upper.high == pytest.approx(found.upper.value + outer, rel=1e-6)


def test_repeated_measurements_are_not_taken_for_independent_ones():
    """Balanced: the variance is that of an analysis of variance between and within cases."""
    generator = np.random.default_rng(3)
    values = 3 * generator.normal(size=(12, 1)) + generator.normal(size=(12, 4))
    cases = [str(i) for i in range(12) for _ in range(4)]
    found = limits_of_agreement(values.ravel(), cases)
    within = values.var(axis=1, ddof=1).mean()
    between = values.mean(1).var(ddof=1) - within / 4
    assert found.sd**2 == pytest.approx(between + within)
    assert found.sd > values.std(ddof=1)
    with pytest.raises(DataError, match="two cases"):
        limits_of_agreement(values[0], ["0"] * 4)


@pytest.mark.slow
def test_intervals_of_limits_cover_the_truth():
    generator, inside = np.random.default_rng(4), 0
    truth = norm.isf(0.025) * np.sqrt(5)
    cases = [str(i) for i in range(25) for _ in range(3)]
    for _ in range(600):
        values = 2 * generator.normal(size=(25, 1)) + generator.normal(size=(25, 3))
        found = limits_of_agreement(values.ravel(), cases)
        inside += found.upper.low <= truth <= found.upper.high
    assert 0.93 <= inside / 600 <= 0.975
