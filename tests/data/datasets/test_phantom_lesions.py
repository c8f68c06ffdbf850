"""Three findings, independent of each other, that change exactly the pixels of their masks."""

from dataclasses import replace

import numpy as np
import pytest

from heatproof.data.datasets.phantom_lesions import FINDINGS, PhantomLesions
from heatproof.errors import AnnotationError, DataError

SIZE = 160


@pytest.fixture(scope="module")
def data() -> PhantomLesions:
    return PhantomLesions(images=60, size=SIZE, noise=0.0, prevalence=0.5)


def masks(sample) -> dict[str, np.ndarray]:
    return {mark.finding: mark.mask(SIZE, SIZE) for mark in sample.annotations}


def test_a_lesion_changes_the_pixels_of_its_mask_and_no_others(data) -> None:
    without = {"Nodule": {"nodules": ()}, "Consolidation": {"consolidations": ()}}
    without["Diffuse"] = {"knots": None}
    seen = dict.fromkeys(FINDINGS, 0)
    for sample in list(data)[:25]:
        for finding, mask in masks(sample).items():
            change = sample.pixels.read() != replace(sample.pixels, **without[finding]).read()
            assert not (change & ~mask).any(), finding
            # A rim adds next to nothing, and what the film shows white already stays white.
            assert change.sum() > 0.85 * mask.sum(), finding
            seen[finding] += 1
    assert min(seen.values()) > 5


@pytest.mark.slow
def test_findings_are_independent_and_as_frequent_as_asked() -> None:
    films = list(PhantomLesions(images=3000, prevalence=1 / 3))
    labels = np.array([[film.labels[k] for k in FINDINGS] for film in films], float)
    np.testing.assert_allclose(labels.mean(axis=0), 1 / 3, atol=0.03)
    correlation = np.corrcoef(labels.T) - np.eye(3)
    assert np.abs(correlation).max() < 0.06
    for film in films[:50]:
        present = {name for name, there in film.labels.items() if there}
        assert {mark.finding for mark in film.annotations} == present


def test_one_is_small_one_is_large_and_one_is_everywhere() -> None:
    share = {finding: [] for finding in FINDINGS}
    lesions = []
    for sample in PhantomLesions(images=60, size=SIZE, prevalence=1.0):
        for finding, mask in masks(sample).items():
            share[finding].append(mask.mean())
        lesions.append(sample.annotations[1].shape.instances)
    means = {finding: np.mean(values) for finding, values in share.items()}
    assert means["Nodule"] < 0.005
    assert 0.03 < means["Consolidation"] < 0.2
    assert means["Diffuse"] > 0.2
    assert set(lesions) == {1, 2, 3, 4}


def test_other_findings_leave_a_film_as_it_is() -> None:
    """Labels decide what is drawn, and nothing else of a film: a share of 0 takes lesions away."""
    none = PhantomLesions(images=5, size=SIZE, prevalence=0.0)
    every = PhantomLesions(images=5, size=SIZE, prevalence=1.0)
    for healthy, ill in zip(none, every, strict=True):
        stripped = replace(ill.pixels, nodules=(), consolidations=(), knots=None)
        np.testing.assert_array_equal(healthy.pixels.read(), stripped.read())
        assert healthy.pixels.version() != ill.pixels.version()


def test_a_film_depends_on_the_seed_and_its_number_alone() -> None:
    few, many = PhantomLesions(images=4), PhantomLesions(images=40)
    assert [few[i] for i in range(4)] == [many[i] for i in range(4)]
    assert few[-1] == few[3]
    assert PhantomLesions(images=4, seed=1)[3].pixels.version() != few[3].pixels.version()
    with pytest.raises(IndexError):
        few[4]


def test_what_cannot_be_drawn_is_refused(data) -> None:
    with pytest.raises(DataError, match="size=32, expected at least 64"):
        PhantomLesions(size=32)
    with pytest.raises(DataError, match="prevalence=2"):
        PhantomLesions(prevalence=2.0)
    sample = next(s for s in data if s.labels["Diffuse"])
    with pytest.raises(AnnotationError, match="160 x 160, the image is 96 x 96"):
        sample.annotations[-1].shape.mask(96, 96)
