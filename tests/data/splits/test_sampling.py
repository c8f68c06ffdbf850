"""What of a data set a model sees."""

import pytest

from heatproof.data.datasets.phantom import Phantom
from heatproof.data.splits import Subset
from heatproof.data.splits.sampling import Permuted, at_prevalence, fewer
from heatproof.errors import DataError

FILMS = Phantom(images=60, size=32)
(FINDING,) = FILMS.findings


def samples(dataset):
    return [dataset[index] for index in range(len(dataset))]


def share(dataset):
    return sum(bool(sample.labels[FINDING]) for sample in samples(dataset)) / len(dataset)


@pytest.mark.parametrize("fraction", [0.1, 0.5])
def test_a_fraction_holds_whole_patients_and_findings_as_often(fraction):
    part = fewer(FILMS, fraction, 0)
    assert len(part) == pytest.approx(fraction * 60, abs=3)
    kept = {sample.image_id for sample in samples(part)}
    patients = {sample.cluster for sample in samples(part)}
    assert kept == {sample.image_id for sample in samples(FILMS) if sample.cluster in patients}
    assert share(part) == pytest.approx(share(FILMS), abs=0.2)
    assert fewer(FILMS, 1.0, 0) is FILMS


@pytest.mark.parametrize("prevalence", [0.1, 0.5, 0.8])
def test_prevalence_is_made_by_leaving_films_out(prevalence):
    part = at_prevalence(FILMS, prevalence, 0)
    assert share(part) == pytest.approx(prevalence, abs=0.04)
    kept = [sample.image_id for sample in samples(part)]
    assert len(kept) == len(set(kept))
    positives = sum(bool(sample.labels[FINDING]) for sample in samples(FILMS))
    most = min(positives / prevalence, (60 - positives) / (1 - prevalence))
    assert len(part) == pytest.approx(most, abs=1)


def test_one_kind_of_film_has_no_other_prevalence():
    ill = tuple(i for i, sample in enumerate(samples(FILMS)) if sample.labels[FINDING])
    with pytest.raises(DataError, match=r"cannot be made 0\.5 by leaving films out"):
        at_prevalence(Subset(FILMS, ill), 0.5, 0)


def test_permuted_labels_are_the_same_labels_on_other_films():
    permuted = Permuted(FILMS, 0)
    assert permuted.findings == FILMS.findings
    assert [s.image_id for s in samples(permuted)] == [s.image_id for s in samples(FILMS)]
    assert share(permuted) == share(FILMS)
    moved = sum(
        one.labels != other.labels
        for one, other in zip(samples(permuted), samples(FILMS), strict=True)
    )
    assert moved > 15
    assert not any(sample.annotations for sample in samples(permuted))
    assert samples(Permuted(FILMS, 1)) != samples(permuted)
