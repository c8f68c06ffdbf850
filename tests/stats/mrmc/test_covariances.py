"""Covariances of figures: each case left out, drawn and weighed by hand."""

import numpy as np
import pytest

from heatproof.stats.mrmc import figures
from heatproof.stats.mrmc.covariances import bootstrap, delong, jackknife
from heatproof.stats.mrmc.ratings import Marks, Ratings
from tests.stats.mrmc.studies import drawn, marked

OF_RATINGS = [figures.auc, figures.sensitivity, figures.percent_correct, figures.mean_rating]
OF_MARKS = [figures.wafroc, figures.afroc, figures.froc, figures.lroc]
STUDIES = [(figure, drawn(5)) for figure in OF_RATINGS] + [(f, marked(5)) for f in OF_MARKS]


def chosen(study, cases):
    """The study with these cases alone, perhaps several times."""
    names = tuple(str(i) for i in range(len(cases)))
    if isinstance(study, Ratings):
        values = study.values[..., cases]
        return Ratings(values, study.truth[cases], study.modalities, study.readers, names)
    return Marks(
        study.lesions[:, :, cases], study.false_marks[:, :, cases], study.weights[cases],
        study.read[:, :, cases], study.modalities, study.readers, names,
    )  # fmt: skip


@pytest.mark.parametrize(("figure", "study"), STUDIES)
def test_jackknife_leaves_out_each_case(figure, study):
    n = len(study.cases)
    without = np.array(
        [figure(chosen(study, np.delete(np.arange(n), i))).figures.ravel() for i in range(n)]
    )
    expected = (n - 1) ** 2 / n * np.cov(without, rowvar=False)
    np.testing.assert_allclose(jackknife(figure(study)), expected, atol=1e-12)


@pytest.mark.parametrize(("figure", "study"), STUDIES)
def test_weights_are_counts_of_cases(figure, study):
    generator = np.random.default_rng(0)
    n = len(study.cases)
    drawn_cases = np.sort(generator.integers(0, n, n))
    weights = np.bincount(drawn_cases, minlength=n).astype(float)
    found = figure(study).weighted(weights[None])[0]
    np.testing.assert_allclose(found, figure(chosen(study, drawn_cases)).figures)


@pytest.mark.parametrize(("figure", "study"), STUDIES)
def test_influence_is_the_derivative_by_the_weight_of_a_case(figure, study):
    pairs, step, n = figure(study), 1e-6, len(study.cases)
    moved = pairs.weighted(np.vstack([np.ones(n), 1 + step * np.eye(n)]))
    slope = np.moveaxis((moved[1:] - moved[0]) / step, 0, -1)
    np.testing.assert_allclose(pairs.influence(), slope, atol=1e-6)


def test_delong_is_that_of_structural_components():
    study = drawn(6)
    positive, negative = study.values[..., study.truth], study.values[..., ~study.truth]
    compared = (positive[..., None] > negative[..., None, :]) + 0.5 * (
        positive[..., None] == negative[..., None, :]
    )
    v10, v01 = compared.mean(-1).reshape(6, -1), compared.mean(-2).reshape(6, -1)
    expected = np.cov(v10) / v10.shape[1] + np.cov(v01) / v01.shape[1]
    np.testing.assert_allclose(delong(figures.auc(study)), expected)


def test_bootstrap_comes_near_delong_of_many_cases():
    study = drawn(7, shape=(2, 2, 200))
    pairs = figures.auc(study)
    np.testing.assert_allclose(bootstrap(pairs, 4000), delong(pairs), atol=6e-5)
    assert np.array_equal(bootstrap(pairs, 50, 1), bootstrap(pairs, 50, 1))
