"""The paired permutation test: all turns by hand, and its error under the null hypothesis."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest, permutation_test

from heatproof.stats.permutation import paired


def each(count: int) -> list[str]:
    return [str(index) for index in range(count)]


def test_few_patients_are_turned_in_every_way() -> None:
    first = np.array([0.5, 0.7, 0.9, 0.2, np.nan, 0.4, 0.8])
    second = np.array([0.3, 0.6, 0.5, 0.4, 0.9, 0.3, 0.1])
    patients = ["a", "a", "b", "c", "c", "d", "e"]
    names = sorted(set(patients))
    observed, extreme = 0.0, 0
    for turn in product((1, -1), repeat=len(names)):
        signs = dict(zip(names, turn, strict=True))
        differences = [
            signs[p] * (a - b)
            for p, a, b in zip(patients, first, second, strict=True)
            if np.isfinite(a - b)
        ]
        mean = sum(differences) / len(differences)
        observed = mean if turn == (1,) * len(names) else observed
        extreme += abs(mean) >= abs(observed) - 1e-12
    assert paired(first, second, patients) == pytest.approx(extreme / 2 ** len(names))


@pytest.mark.parametrize(("count", "error"), [(9, 0), (40, 0.02)])
def test_scipy_turns_the_same(count: int, error: float) -> None:
    """All turns of nine patients are the same ones; of forty, others drawn at random."""
    differences = np.random.default_rng(3).normal(0.2, 1, count)
    theirs = permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=9999, rng=1
    )
    ours = paired(differences, np.zeros(count), each(count))
    assert ours == pytest.approx(theirs.pvalue, abs=error or 1e-12)


def test_hits_and_misses_of_single_films_give_mcnemars_exact_p() -> None:
    first = np.array([1.0] * 9 + [0.0] * 2 + [1.0] * 5)
    second = np.array([0.0] * 9 + [1.0] * 2 + [1.0] * 5)
    exact = binomtest(2, 11).pvalue
    assert paired(first, second, each(16), resamples=10**6) == pytest.approx(exact)


def test_images_of_one_patient_are_no_evidence_of_their_own() -> None:
    first, second = np.full(12, 0.6), np.full(12, 0.5)
    assert paired(first, second, each(12)) < 0.001
    assert paired(first, second, ["a"] * 6 + ["b"] * 6) == pytest.approx(0.5)
    assert paired(first, second, ["a"] * 12) == 1
    assert np.isnan(paired(first, np.full(12, np.nan), each(12)))


def test_five_percent_of_null_hypotheses_are_rejected_at_five_percent() -> None:
    generator = np.random.default_rng(0)
    patients = [str(index // 2) for index in range(60)]
    rejected = 0
    for _ in range(300):
        own = np.repeat(generator.normal(size=30), 2)  # shared by the two images of a patient
        difference = own + generator.normal(size=60) / 2
        rejected += paired(difference, np.zeros(60), patients, resamples=199) <= 0.05
    assert 0.02 <= rejected / 300 <= 0.085
