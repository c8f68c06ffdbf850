"""Sizes of studies: power by its definition, and what a search must find."""

import numpy as np
import pytest

from heatproof.errors import DataError
from heatproof.stats.mrmc.analysis import Random
from heatproof.stats.mrmc.covariances import jackknife
from heatproof.stats.mrmc.figures import auc
from heatproof.stats.mrmc.obuchowski_rockette import Components, obuchowski_rockette
from heatproof.stats.mrmc.roe_metz import RoeMetz
from heatproof.stats.mrmc.sizing import Goal, Pilot, fewest_cases, power, sizes

# Components of VanDyke as OR-DBM prints them.
VANDYKE = Pilot(0.00020040, 0.00080229, 0.00034661, 0.00034407, 0.00023903, 114)


@pytest.mark.parametrize("random", Random)
def test_the_error_is_that_of_the_analysis_when_its_mean_squares_are_expected_ones(random):
    """A study of the pilot's own size, whose mean square is what the components foresee."""
    model = RoeMetz(modality_reader=0.6)  # so that no component is estimated below 0
    study = model.draw((0.85, 0.85), 5, 40, 40, 3)
    pairs = auc(study)
    parts = Components.of(pairs.figures, jackknife(pairs))
    assert parts.var_mr > 0
    found = (
        obuchowski_rockette(
            pairs.figures, jackknife(pairs), (study.modalities, study.readers), random
        )
        .differences[0]
        .inference
    )
    error, df = Pilot.of(parts, 80).error(5, 80, random)
    assert error == pytest.approx(found.error)
    assert df == pytest.approx(found.df)


def test_power_without_a_difference_is_the_error_and_grows_with_all():
    assert power(VANDYKE, Goal(0.0), 6, 200) == pytest.approx(0.05)
    margin = Goal(-0.03, margin=0.03)
    assert power(VANDYKE, margin, 6, 200) == pytest.approx(0.025)
    for goal in (Goal(0.05), Goal(0.0, margin=0.05)):
        assert power(VANDYKE, goal, 6, 200) < power(VANDYKE, goal, 6, 400)
        assert power(VANDYKE, goal, 6, 200) < power(VANDYKE, goal, 9, 200)


@pytest.mark.parametrize("random", Random)
@pytest.mark.parametrize("margin", [None, 0.05])
def test_the_fewest_cases_have_the_power_and_one_less_has_not(random, margin):
    goal = Goal(0.05 if margin is None else 0.0, margin, random)
    found = fewest_cases(VANDYKE, goal, 8)
    assert power(VANDYKE, goal, 8, found) >= 0.8 > power(VANDYKE, goal, 8, found - 1)


def test_too_few_readers_never_suffice():
    table = sizes(Pilot(0.002, 0.0008, 0.0003, 0.0003, 0.0002, 100), Goal(0.03), range(3, 6))
    assert table == {3: None, 4: None, 5: None}
    with pytest.raises(DataError, match="1 readers"):
        fewest_cases(VANDYKE, Goal(0.05), 1)
    with pytest.raises(DataError, match="share between 0 and 1"):
        fewest_cases(VANDYKE, Goal(0.05), 5, 80.0)


@pytest.mark.slow
def test_power_is_how_often_studies_succeed():
    """Components of many studies, and the share of others, of twice the size, that find it."""
    model, rejected = RoeMetz(case=0.1, modality_case=0.1, error=0.6), 0
    pilots = []
    for seed in range(150):
        pairs = auc(model.draw((0.8, 0.8), 5, 25, 25, seed))
        pilots.append(Components.of(pairs.figures, jackknife(pairs)))
    mean = {
        name: float(np.mean([getattr(p, name) for p in pilots]))
        for name in ("var_mr", "variance", "cov1", "cov2", "cov3")
    }
    pilot = Pilot(cases=50, **mean)
    for seed in range(400):
        study = model.draw((0.8, 0.87), 5, 50, 50, 1000 + seed)
        pairs = auc(study)
        names = study.modalities, study.readers
        rejected += obuchowski_rockette(pairs.figures, jackknife(pairs), names).test.p < 0.05
    assert rejected / 400 == pytest.approx(power(pilot, Goal(0.07), 5, 100), abs=0.08)
