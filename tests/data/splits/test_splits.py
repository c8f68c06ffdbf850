"""Patients stay together, findings spread evenly, and the seed decides the rest."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heatproof.data.datasets.phantom import Phantom
from heatproof.data.decoded import SamplesInMemory
from heatproof.data.pixels import ArrayPixels
from heatproof.data.splits import Subset, split
from heatproof.errors import DataError
from heatproof.types import Dataset, Sample

FRACTIONS = {"train": 0.6, "validation": 0.2, "test": 0.2}
FILM = ArrayPixels(np.zeros((2, 2), np.float32))


@dataclass(frozen=True)
class SamplesWithStrays(SamplesInMemory):
    strays: tuple[tuple[str, str], ...]


cohorts = st.lists(st.tuples(st.integers(1, 3), st.booleans()), min_size=15, max_size=60)


def films(cohort):
    return [
        Sample(f"{patient}_{film}", FILM, f"{patient}", {"Nodule": positive})
        for patient, (number, positive) in enumerate(cohort)
        for film in range(number)
    ]


@settings(max_examples=30)
@given(cohorts, st.integers(0, 99))
def test_every_film_once_and_every_patient_in_one_split(cohort, seed):
    samples = films(cohort)
    splits = split(samples, FRACTIONS, seed)
    assert sorted(index for indices in splits.values() for index in indices) == list(
        range(len(samples))
    )
    patients = [{samples[index].patient_id for index in indices} for indices in splits.values()]
    assert sum(map(len, patients)) == len(set.union(*patients))


@settings(max_examples=30)
@given(cohorts, st.integers(0, 99))
def test_shares_are_kept_within_two_patients_over_all_and_per_finding(cohort, seed):
    samples = films(cohort)
    for wanted in (True, False, None):
        of = [i for i, sample in enumerate(samples) if wanted in (None, sample.labels["Nodule"])]
        for name, indices in split(samples, FRACTIONS, seed).items():
            assert abs(len(set(of) & set(indices)) - FRACTIONS[name] * len(of)) <= 6


def test_the_seed_decides():
    samples = list(Phantom(images=100))
    assert split(samples, FRACTIONS, 1) == split(samples, FRACTIONS, 1)
    assert split(samples, FRACTIONS, 1) != split(samples, FRACTIONS, 2)


def test_films_without_a_patient_are_their_own():
    samples = [Sample(str(i), FILM) for i in range(10)]
    assert {name: len(part) for name, part in split(samples, {"a": 0.5, "b": 0.5}, 0).items()} == {
        "a": 5, "b": 5
    }  # fmt: skip


@pytest.mark.parametrize("fractions", [{"a": 0.5}, {"a": 1.2, "b": -0.2}, {}, {"a": 0.5, "b": 0.6}])
def test_impossible_fractions_are_refused(fractions):
    with pytest.raises(DataError, match="expected 1, each above 0"):
        split([Sample(str(i), FILM) for i in range(10)], fractions, 0)


def test_too_few_patients_are_refused():
    one_patient = [Sample(str(i), FILM, "p") for i in range(10)]
    with pytest.raises(DataError, match=r"1 patients.*would be empty"):
        split(one_patient, FRACTIONS, 0)


def test_a_subset_is_a_data_set():
    data = Phantom(images=10)
    subset = Subset(data, (7, 2))
    assert isinstance(subset, Dataset)
    assert len(subset) == 2
    assert subset[0] == data[7]
    assert subset.findings == data.findings
    assert subset.strays == ()


def test_a_subset_keeps_the_strays_of_its_films_and_those_of_no_film():
    strays = (("a", "of a"), ("b", "of b"), ("line 3", "of no film"))
    data = SamplesWithStrays((), tuple(Sample(name, FILM) for name in "ab"), strays)
    assert Subset(data, (1,)).strays == strays[1:]
    assert Subset(data, (0, 1)).strays == strays
