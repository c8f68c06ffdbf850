"""The one-shot analysis: iMRMC's printed results, and moments summed in loops."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from heatproof.errors import DataError
from heatproof.stats.mrmc import figures
from heatproof.stats.mrmc.files import read
from heatproof.stats.mrmc.obuchowski_rockette import Components
from heatproof.stats.mrmc.one_shot import OneShot, one_shot
from tests.stats.mrmc.studies import drawn, marked

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("estimator", ["unbiased", "mle"])
def test_a_design_with_holes_equals_imrmc(estimator):
    study = read(GOLDEN / "holes.imrmc")
    printed = json.loads((GOLDEN / "holes.json").read_text(encoding="utf-8"))
    assert not study.is_factorial
    pairs = figures.auc(study)
    of_readers = [row["AUCA"] for row in printed["readers"].values()]
    np.testing.assert_allclose(pairs.figures[0], of_readers, atol=5e-10)
    for r in range(5):  # one reader alone: the variance over cases
        row = list(printed["readers"].values())[r]
        alone = OneShot.of(figures.auc(one_reader(study, r)), study.modalities)
        assert alone.moments[0, 0].covariance("unbiased") == pytest.approx(row["varAUCA"], abs=1e-8)
    whole, expected = OneShot.of(pairs, study.modalities), printed[estimator]
    moments = whole.moments[0, 0]
    np.testing.assert_allclose(getattr(moments, estimator), expected["comp"], atol=1e-6)
    np.testing.assert_allclose(moments.weights, expected["coeff"], atol=1e-6)
    found = whole.analysis(estimator).means["testA"]
    assert found.estimate == pytest.approx(expected["AUCA"], abs=1e-8)
    assert found.error**2 == pytest.approx(expected["varAUCA"], abs=1e-8)
    assert found.df == (np.inf if expected["dfBDG"] > 50 else np.floor(expected["dfBDG"]))
    assert (found.low, found.high) == pytest.approx(
        (expected["botCIBDG"], expected["topCIBDG"]), abs=1e-8
    )
    tested = type(found)(found.estimate, found.error, found.df, null=0.5)
    assert tested.p == pytest.approx(expected["pValueBDG"], rel=1e-6)


def one_reader(study, r):
    values = study.values[:, r : r + 1]
    return type(study)(values, study.truth, study.modalities, (study.readers[r],), study.cases)


def in_loops(study, a: int, b: int, *, distinct: bool) -> np.ndarray:
    """Means of products of two successes over readers and cases that are the same, or not."""
    sums, counts = np.zeros(8), np.zeros(8)
    n1, n0 = np.flatnonzero(study.truth), np.flatnonzero(~study.truth)
    readers = range(len(study.readers))
    for r, s in product(readers, readers):
        for i, j, k, w in product(n1, n1, n0, n0):
            x = study.values[a, r, i], study.values[a, r, k]
            y = study.values[b, s, j], study.values[b, s, w]
            if np.isnan([*x, *y]).any():
                continue
            credit = np.prod([(u > v) + 0.5 * (u == v) for u, v in (x, y)])
            if distinct:
                at = [4 * (r != s) + 1 * (k != w) + 2 * (i != j)]
            else:
                at = [
                    4 * d + e + 2 * f
                    for d in ((0, 1) if r == s else (1,))
                    for e in ((0, 1) if k == w else (1,))
                    for f in ((0, 1) if i == j else (1,))
                ]
            sums[at] += credit
            counts[at] += 1
    return sums / counts


@pytest.mark.parametrize("holes", [0.0, 0.25])
def test_moments_are_means_of_products(holes):
    study = drawn(8, shape=(2, 2, 8), holes=holes)
    found = OneShot.of(figures.auc(study), study.modalities)
    for a, b in ((0, 0), (0, 1)):
        np.testing.assert_allclose(
            found.moments[a, b].unbiased, in_loops(study, a, b, distinct=True)
        )
        np.testing.assert_allclose(found.moments[a, b].mle, in_loops(study, a, b, distinct=False))


def test_the_unbiased_variance_is_that_of_the_mean_squares_of_a_full_design():
    """Both estimate the variance of a difference by the same sums of squares.

    Gallas' unbiased estimate has no max(., 0), and its covariances are unbiased, so Obuchowski and
    Rockette's with unbiased covariances in place of DeLong's must come to the same number.
    """
    study = drawn(9, shape=(2, 4, 20))
    pairs = figures.auc(study)
    found = OneShot.of(pairs, study.modalities)
    m, r = pairs.figures.shape
    rows = study.values.reshape(m * r, 1, -1)
    unbiased = np.zeros((m * r, m * r))
    for f, g in product(range(m * r), repeat=2):
        both = type(study)(
            np.stack([rows[f], rows[g]]),
            study.truth, ("f", "g"), ("r",), study.cases,
        )  # fmt: skip
        place = (0, 0) if f == g else (0, 1)
        one = OneShot.of(figures.auc(both), ("f", "g")).moments[place]
        unbiased[f, g] = one.covariance("unbiased")
    parts = Components.of(pairs.figures, unbiased)
    variance = 2 / r * (parts.ms_mr + r * (parts.cov2 - parts.cov3))
    assert found.variance_of_difference(0, 1, "unbiased") == pytest.approx(variance)


def test_a_share_of_cases_is_a_figure_too():
    """Of one reader, the unbiased variance of a share is that of a binomial, by n - 1."""
    study = one_reader(drawn(10), 0)
    pairs = figures.sensitivity(study, 2.0)
    share, n = pairs.figures[0, 0], int(study.truth.sum())
    found = one_shot(pairs, study.modalities).means["m0"]
    assert found.error**2 == pytest.approx(share * (1 - share) / (n - 1))


def test_split_plots_are_analysed_and_lesions_that_count_alike_are_not():
    study = drawn(11, shape=(2, 4, 20))
    values = study.values.copy()
    values[:, :2, 10:] = np.nan  # two readers read one half of the cases, two the other
    values[:, 2:, :10] = np.nan
    half = type(study)(values, study.truth, study.modalities, study.readers, study.cases)
    found = one_shot(figures.auc(half), half.modalities).differences[0].inference
    assert 0 < found.error < 1
    with pytest.raises(DataError, match="afroc"):
        one_shot(figures.afroc(marked(0)), ("m0", "m1"))
    one_shot(figures.wafroc(marked(0)), ("m0", "m1"))


def test_input_of_imrmc_is_read_and_equals_its_figures_in_both_modalities():
    study = read(GOLDEN / "input.imrmc")
    assert (study.modalities, len(study.readers), len(study.cases)) == (("testA", "testB"), 5, 80)
    assert study.is_factorial
    (found,) = one_shot(figures.auc(study), study.modalities).differences
    assert found.inference.low < found.inference.estimate < found.inference.high
