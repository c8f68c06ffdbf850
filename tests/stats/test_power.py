"""Cases needed: textbook values, what they must not depend on, and a simulation."""

import numpy as np
import pytest

from heatproof.stats import estimates
from heatproof.stats.margin import Conclusion, conclude
from heatproof.stats.power import needed


def each(count: int) -> list[str]:
    return [str(index) for index in range(count)]


def spread(sd: float, count: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=count)
    return sd * (values - values.mean()) / values.std(ddof=1)


def test_a_margin_of_half_a_deviation_takes_34_pairs() -> None:
    """Cohen's table: d = .5, power .8, two-sided alpha .05, paired."""
    found = needed(spread(0.2, 50), each(50), margin=0.1)
    assert (found.patients, found.cases) == (34, 34)


def test_the_observed_effect_does_not_matter() -> None:
    values = spread(0.3, 40)
    one, other = (needed(values - effect, each(40), 0.05) for effect in (0, 0.25))
    assert (one.cases, one.power) == (other.cases, pytest.approx(other.power))


def test_half_the_margin_takes_four_times_the_cases() -> None:
    wide, narrow = (needed(spread(0.3, 40), each(40), m).cases for m in (0.04, 0.02))
    assert wide is not None
    assert narrow is not None
    assert narrow / wide == pytest.approx(4, rel=0.02)


def test_images_that_repeat_their_patient_do_not_help() -> None:
    values = spread(0.3, 40)
    once = needed(values, each(40), 0.1)
    thrice = needed(np.repeat(values, 3), [str(i // 3) for i in range(120)], 0.1)
    assert once.patients == thrice.patients
    assert thrice.cases == 3 * (once.cases or 0)


def test_the_power_at_hand_is_that_of_students_t() -> None:
    """At a margin of nearly 0 it is alpha."""
    found = needed(spread(0.3, 20), each(20), margin=1e-9)
    assert found.power == pytest.approx(0.025, abs=1e-4)
    assert needed(spread(0.01, 20), each(20), margin=1.0).power == pytest.approx(1)


def test_that_many_cases_conclude_four_times_of_five() -> None:
    cases = needed(spread(0.25, 100), each(100), margin=0.08).cases
    assert cases is not None
    generator = np.random.default_rng(1)
    concluded = 0
    for _ in range(300):
        values = generator.normal(0, 0.25, cases)
        found = estimates.mean(values, each(cases))
        concluded += conclude(found, 0.08) in (Conclusion.NON_INFERIOR, Conclusion.SUPERIOR)
    assert 0.74 <= concluded / 300 <= 0.87


def test_too_few_patients_tell_nothing() -> None:
    found = needed(np.array([0.1, 0.2, np.nan]), ["a", "a", "b"], 0.05)
    assert found.cases is None
    assert np.isnan(found.power)
    with pytest.raises(ValueError, match=r"margin = 0\.0"):
        needed(np.zeros(3), each(3), 0.0)
