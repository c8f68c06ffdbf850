"""Readers against a model, and simulated studies against the truth that was put in."""

import numpy as np
import pytest

from heatproof.errors import DataError
from heatproof.stats.mrmc.analysis import Random
from heatproof.stats.mrmc.covariances import jackknife
from heatproof.stats.mrmc.figures import auc
from heatproof.stats.mrmc.ratings import Ratings
from heatproof.stats.mrmc.roe_metz import RoeMetz
from heatproof.stats.mrmc.stand_alone import against_stand_alone


def chosen(study: Ratings, readers: slice) -> Ratings:
    values, names = study.values[:1, readers], study.readers[readers]
    return Ratings(values, study.truth, study.modalities[:1], names, study.cases)


STUDY = RoeMetz().draw((0.85,), 6, 40, 40, 1)


def test_one_reader_against_a_model_is_the_paired_comparison_of_two():
    found = against_stand_alone(chosen(STUDY, slice(0, 1)), STUDY.values[0, 5], random=Random.CASES)
    pairs = auc(
        Ratings(STUDY.values[:, [0, 5]], STUDY.truth, STUDY.modalities, ("a", "b"), STUDY.cases)
    )
    variance = np.array([1, -1]) @ jackknife(pairs) @ np.array([1, -1])
    assert found.estimate == pytest.approx(float(pairs.figures[0, 0] - pairs.figures[0, 1]))
    assert found.error == pytest.approx(np.sqrt(variance))


def test_a_perfect_model_does_not_err_and_leaves_the_error_of_the_readers():
    readers = chosen(STUDY, slice(0, 5))
    perfect = STUDY.truth.astype(float)
    for random in Random:
        found = against_stand_alone(readers, perfect, random=random)
        assert found.estimate == pytest.approx(auc(readers).figures.mean() - 1)
        from heatproof.stats.mrmc.obuchowski_rockette import single

        pairs = auc(readers)
        alone = single(pairs.figures[0], jackknife(pairs), random)
        assert (found.error, found.df) == pytest.approx((alone.error, alone.df))


def test_what_cannot_be_compared_is_told():
    two = RoeMetz().draw((0.8, 0.8), 3, 10, 10, 1)
    with pytest.raises(DataError, match="2 modalities"):
        against_stand_alone(two, np.zeros(20))
    with pytest.raises(DataError, match="missing"):
        against_stand_alone(chosen(two, slice(0, 3)), np.full(20, np.nan))


def test_simulated_studies_have_the_truth_that_was_put_in():
    model = RoeMetz(reader=0.03, modality_reader=0.02)
    assert model.auc_of(model.mean_of(0.83)) == pytest.approx(0.83)
    study = model.draw((0.83, 0.7), 40, 300, 300, 2)
    found = auc(study).figures.mean(1)
    np.testing.assert_allclose(found, [0.83, 0.7], atol=0.06)
    assert study.values[:, :, ~study.truth].var() == pytest.approx(model.variance, rel=0.15)
    again = model.draw((0.83, 0.7), 40, 300, 300, 2)
    np.testing.assert_array_equal(study.values, again.values)
