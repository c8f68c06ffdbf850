"""Figures of merit, case by case in loops as their papers define them."""

import numpy as np
import pytest
from sklearn.metrics import auc as area
from sklearn.metrics import roc_auc_score

from heatproof.errors import DataError
from heatproof.stats.mrmc import figures
from heatproof.stats.mrmc.ratings import UNMARKED, Marks, Ratings
from tests.stats.mrmc.studies import drawn, marked


def psi(x: float, y: float) -> float:
    return 1.0 if x > y else 0.5 if x == y else 0.0


def each(study) -> list[tuple[int, int]]:
    return [(m, r) for m in range(len(study.modalities)) for r in range(len(study.readers))]


@pytest.mark.parametrize("holes", [0.0, 0.2])
def test_auc_is_that_of_scikit_learn_of_what_was_read(holes):
    study = drawn(1, holes=holes)
    found = figures.auc(study).figures
    for m, r in each(study):
        read = study.read[m, r]
        assert found[m, r] == pytest.approx(
            roc_auc_score(study.truth[read], study.values[m, r][read])
        )


def test_decisions_are_counted():
    study = drawn(2, holes=0.2)
    for m, r in each(study):
        read = study.read[m, r]
        called, truth = study.values[m, r][read] >= 2, study.truth[read]
        sensitivity = figures.sensitivity(study, 2.0).figures[m, r]
        assert sensitivity == pytest.approx(called[truth].mean())
        specificity = figures.specificity(study, 2.0).figures[m, r]
        assert specificity == pytest.approx((~called[~truth]).mean())
        correct = figures.percent_correct(study, 2.0).figures[m, r]
        assert correct == pytest.approx((called == truth).mean())
        assert figures.mean_rating(study).figures[m, r] == pytest.approx(
            study.values[m, r][read].mean()
        )


@pytest.mark.parametrize("seed", range(3))
def test_afroc_pairs_every_lesion_with_every_negative_case(seed):
    study = marked(seed)
    positive, negative = np.flatnonzero(study.truth), np.flatnonzero(~study.truth)
    for m, r in each(study):
        weighted = counted = lesions = 0.0
        for i in positive:
            for lesion in np.flatnonzero(study.weights[i]):
                lesions += 1
                for j in negative:
                    highest = max(study.false_marks[m, r, j])
                    credit = psi(study.lesions[m, r, i, lesion], highest)
                    weighted += study.weights[i, lesion] * credit
                    counted += credit
        found = figures.wafroc(study).figures[m, r], figures.afroc(study).figures[m, r]
        assert found[0] == pytest.approx(weighted / (len(positive) * len(negative)))
        assert found[1] == pytest.approx(counted / (lesions * len(negative)))


@pytest.mark.parametrize("seed", range(3))
def test_froc_is_the_area_under_its_steps(seed):
    study = marked(seed)
    there = study.weights > 0
    for m, r in each(study):
        lesions, false = study.lesions[m, r][there], study.false_marks[m, r].ravel()
        thresholds = [np.inf, *sorted({*lesions, *false} - {UNMARKED}, reverse=True)]
        x = [(false >= t).sum() / len(study.truth) for t in thresholds]
        y = [(lesions >= t).mean() for t in thresholds]
        assert figures.froc(study).figures[m, r] == pytest.approx(area(x, y))


@pytest.mark.parametrize("seed", range(3))
def test_lroc_wants_the_lesion_hit_by_the_highest_mark(seed):
    study = marked(seed, lesions=1)
    positive, negative = np.flatnonzero(study.truth), np.flatnonzero(~study.truth)
    for m, r in each(study):
        credit = 0.0
        for i in positive:
            hit, miss = study.lesions[m, r, i, 0], max(study.false_marks[m, r, i])
            for j in negative:
                if hit > UNMARKED and hit >= miss:
                    credit += psi(hit, max(study.false_marks[m, r, j]))
        found = figures.lroc(study).figures[m, r]
        assert found == pytest.approx(credit / (len(positive) * len(negative)))


def test_one_lesion_a_case_and_no_mark_but_the_right_one_is_the_auc():
    ratings = drawn(3)
    lesions = np.where(ratings.truth, ratings.values, UNMARKED)[..., None]
    false = np.where(ratings.truth, UNMARKED, ratings.values)[..., None]
    weights = ratings.truth.astype(float)[:, None]
    marks = Marks(
        lesions, false, weights, ratings.read, ratings.modalities, ratings.readers, ratings.cases
    )
    expected = figures.auc(ratings).figures
    for figure in (figures.wafroc, figures.afroc, figures.lroc):
        np.testing.assert_allclose(figure(marks).figures, expected)


def test_cases_of_one_class_have_no_figure():
    study = drawn(4)
    everybody = Ratings(
        study.values, np.ones(14, dtype=bool), study.modalities, study.readers, study.cases
    )
    with pytest.raises(DataError, match="all 14 cases are positive"):
        figures.auc(everybody)
