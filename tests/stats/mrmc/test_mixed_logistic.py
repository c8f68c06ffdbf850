"""The mixed logistic model: its integral by quadrature, its limits, its coverage."""

import numpy as np
import pytest
from scipy.special import expit
from statsmodels.discrete.discrete_model import Logit

from heatproof.errors import DataError
from heatproof.stats.mrmc.mixed_logistic import _Laplace, mixed_logistic


def drawn(seed: int, readers: int = 6, cases: int = 40, sds=(0.7, 1.0), effect: float = 0.8):
    generator = np.random.default_rng(seed)
    reader, case, aided = (
        each.ravel()
        for each in np.meshgrid(range(readers), range(cases), (0.0, 1.0), indexing="ij")
    )
    levels = sds[0] * generator.normal(size=readers), sds[1] * generator.normal(size=cases)
    chance = expit(-0.3 + effect * aided + levels[0][reader] + levels[1][case])
    outcome = generator.random(len(reader)) < chance
    return outcome, np.stack([np.ones(len(reader)), aided], 1), ("one", "aided"), reader, case


def test_without_readers_and_cases_it_is_plain_logistic_regression():
    outcome, design, names, reader, case = drawn(1, sds=(0.0, 0.0))
    found = mixed_logistic(outcome, design, names, reader, case)
    plain = Logit(outcome.astype(float), design).fit(disp=0)
    assert found.reader_sd < 0.3
    if found.reader_sd < 1e-3 and found.case_sd < 1e-3:
        expected = plain.params[1], plain.bse[1]
        aided = found.coefficients["aided"]
        assert (aided.estimate, aided.error) == pytest.approx(expected, rel=1e-3)
    laplace = _Laplace(outcome.astype(float), design, reader, case)
    assert laplace.deviance(np.array([*plain.params, 0.0, 0.0])) == pytest.approx(-2 * plain.llf)


def test_the_integral_is_that_of_quadrature_where_there_is_one_level_each():
    """Many decisions of one case: Laplace is near the exact integral over one level."""
    generator = np.random.default_rng(2)
    outcome = (generator.random(80) < 0.7).astype(float)
    zeros = np.zeros(80, dtype=int)
    laplace = _Laplace(outcome, np.ones((80, 1)), zeros, zeros)
    found = laplace.deviance(np.array([0.3, 0.0, 1.2]))
    grid = np.linspace(-8, 8, 4001)
    p = expit(0.3 + 1.2 * grid)
    joint = outcome.sum() * np.log(p) + (1 - outcome).sum() * np.log1p(-p) - grid**2 / 2
    exact = -2 * np.log(np.trapezoid(np.exp(joint), grid) / np.sqrt(2 * np.pi))
    assert found == pytest.approx(exact, abs=0.05)


def test_a_design_that_says_nothing_or_everything_is_told():
    outcome, design, names, reader, case = drawn(3)
    with pytest.raises(DataError, match="say the same"):
        mixed_logistic(outcome, design[:, [0, 0]], names, reader, case)
    with pytest.raises(DataError, match="decides the outcome"):
        mixed_logistic(design[:, 1] == 1, design, names, reader, case)


@pytest.mark.slow
def test_the_interval_covers_the_truth():
    found = [mixed_logistic(*drawn(seed)) for seed in range(100)]
    aided = [each.coefficients["aided"] for each in found]
    assert sum(each.low <= 0.8 <= each.high for each in aided) >= 88
    assert np.mean([each.estimate for each in aided]) == pytest.approx(0.8, abs=0.08)
    assert np.mean([each.case_sd for each in found]) == pytest.approx(1.0, abs=0.12)
    assert np.mean([each.reader_sd for each in found]) == pytest.approx(0.7, abs=0.15)
