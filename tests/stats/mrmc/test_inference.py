"""One estimate and its error, by SciPy's distributions."""

from math import inf, nan

import pytest
from scipy.stats import chi2, norm, t
from scipy.stats import f as f_distribution

from heatproof.stats.mrmc.inference import Inference, Omnibus, standard_error


@pytest.mark.parametrize("df", [3.7, inf])
def test_intervals_and_tests_agree(df):
    law = norm if df == inf else t(df)
    found = Inference(0.05, 0.02, df, null=0.01)
    assert found.p == pytest.approx(2 * law.sf(2.0))
    assert (found.low, found.high) == pytest.approx(
        (0.05 - 0.02 * law.ppf(0.975), 0.05 + 0.02 * law.ppf(0.975))
    )
    assert found.p_above(found.low) == pytest.approx(0.025)
    assert found.p_non_inferior(-found.low) == pytest.approx(0.025)
    assert found.p_equivalent(0.1) == pytest.approx(max(law.sf(7.5), law.sf(2.5)))


def test_omnibus_is_f_or_chi_square():
    assert Omnibus(2.5, 3, 11.3).p == pytest.approx(f_distribution.sf(2.5, 3, 11.3))
    assert Omnibus(2.5, 3, inf).p == pytest.approx(chi2.sf(7.5, 3))


def test_a_variance_below_zero_has_no_error():
    assert standard_error(4.0) == 2
    assert standard_error(-1e-9) != standard_error(-1e-9)
    assert Inference(1.0, nan, 3.0).p != Inference(1.0, nan, 3.0).p
