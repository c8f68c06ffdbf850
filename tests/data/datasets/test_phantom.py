"""Exact masks, independent images, the chosen correlation; and the contract of a data set."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heatproof.data.check import check
from heatproof.data.datasets import datasets
from heatproof.data.datasets.phantom import Ellipse, Ellipses, Phantom
from heatproof.errors import AnnotationError, DataError
from heatproof.types import Annotation, Dataset, Pixels, Sample, Shape


def test_it_keeps_the_contract_of_a_data_set():
    data = datasets.build("phantom", {"images": 12, "contrast": 0.3})
    assert isinstance(data, Dataset)
    assert data.findings == ("Nodule",)
    assert len(data) == len(list(data)) == 12
    assert datasets.parse(datasets.spec(data)) == data
    assert len({sample.image_id for sample in data}) == 12
    assert check(data) == ()
    for sample in data:
        assert isinstance(sample, Sample)
        assert isinstance(sample.pixels, Pixels)
        assert sample.pixels.size() == (96, 96)
        assert bool(sample.annotations) == sample.labels["Nodule"]


@settings(max_examples=10)
@given(st.integers(0, 1000), st.sampled_from([33, 64, 96, 321]))
def test_a_film_is_a_film(index, size):
    film = Phantom(images=1001, size=size)[index].pixels.read()
    assert film.shape == (size, size)
    assert film.dtype == np.float32
    assert film.min() >= 0
    assert film.max() <= 1
    assert film.std() > 0.1  # no flat field, at any size


def test_an_image_depends_on_the_seed_and_its_number_alone():
    few, many = Phantom(images=5), Phantom(images=500)
    assert [few[i] for i in range(5)] == [many[i] for i in range(5)]
    assert few[4].pixels.version() == many[4].pixels.version()
    assert np.array_equal(few[4].pixels.read(), many[4].pixels.read())
    assert Phantom(images=5, seed=1)[4].pixels.version() != few[4].pixels.version()
    assert few[-1] == few[4]


def test_nodules_change_exactly_the_pixels_of_their_mask():
    data = Phantom(images=40, size=160, noise=0.0, nodules=(1, 3), elongation=(1.0, 2.0))
    for sample in data:
        if not sample.labels["Nodule"]:
            continue
        without = sample.pixels.__class__(**{**vars(sample.pixels), "nodules": ()})
        changed = sample.pixels.read() != without.read()
        mask = sample.annotations[0].mask(160, 160)
        assert not (changed & ~mask).any()
        assert (changed & mask).sum() > 0.95 * mask.sum()  # the rim adds next to nothing


def test_nodules_are_as_many_as_large_and_as_long_as_asked():
    data = Phantom(
        images=60,
        size=320,
        prevalence=1.0,
        nodules=(2, 4),
        radius=(0.03, 0.05),
        elongation=(2.0, 3.0),
    )
    nodules = [nodule for sample in data for nodule in sample.annotations[0].shape.ellipses]
    assert {sample.annotations[0].instances for sample in data} == {2, 3, 4}
    radii = np.array([np.sqrt(nodule.long * nodule.short) / 320 for nodule in nodules])
    ratios = np.array([nodule.long / nodule.short for nodule in nodules])
    assert (radii.min(), radii.max()) == pytest.approx((0.03, 0.05), abs=0.001)
    assert (ratios.min(), ratios.max()) == pytest.approx((2, 3), abs=0.05)


def test_a_mask_has_the_area_of_its_ellipse():
    mask = Ellipses((Ellipse(80.3, 70.9, 40.0, 20.0, 0.7),), 160).mask(160, 160)
    assert mask.sum() == pytest.approx(np.pi * 40 * 20, rel=0.01)
    with pytest.raises(AnnotationError, match="160 x 160"):
        Ellipses((), 160).mask(160, 80)
    assert isinstance(Ellipses((), 160), Shape)
    assert Annotation("Nodule", "reference", Ellipses((), 160)).instances == 0


def test_contrast_is_the_brightness_of_the_middle():
    data = Phantom(images=20, size=320, prevalence=1.0, noise=0.0, contrast=0.15)
    for sample in data:
        without = sample.pixels.__class__(**{**vars(sample.pixels), "nodules": ()})
        added = sample.pixels.read() - without.read()
        assert added.max() == pytest.approx(0.15, abs=0.005)


@pytest.mark.parametrize("phi", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("prevalence", [0.3])
def test_the_tag_goes_with_the_finding_as_told(phi, prevalence):
    data = Phantom(images=800, tag=phi, prevalence=prevalence)
    rows = [(s.labels["Nodule"], s.metadata["tag"] == "yes") for s in data]
    labels, tags = np.array(rows, float).T
    assert np.corrcoef(labels, tags)[0, 1] == pytest.approx(phi, abs=0.1)
    assert labels.mean() == pytest.approx(prevalence, abs=0.06)


def test_the_tag_is_white_letters_in_the_corner():
    data = Phantom(images=60, size=320, noise=0.0, tag=0.5)
    tagged = {sample.metadata["tag"]: sample.pixels for sample in data}
    for tag, pixels in tagged.items():
        bare = pixels.__class__(**{**vars(pixels), "tagged": False})
        changed = pixels.read() != bare.read()
        assert changed.any() == (tag == "yes")
        assert not changed[40:].any()
        assert not changed[:, 120:].any()
    assert set(tagged) == {"yes", "no"}
    assert "tag" not in Phantom(images=1)[0].metadata


def test_half_of_the_patients_have_two_films_and_one_sex():
    data = list(Phantom(images=800))
    patients = {}
    for sample in data:
        patients.setdefault(sample.patient_id, []).append(sample)
    films = np.array([len(of_one) for of_one in patients.values()])
    assert set(films) == {1, 2}
    assert (films == 2).mean() == pytest.approx(0.5, abs=0.05)
    assert all(len({s.metadata["sex"] for s in of_one}) == 1 for of_one in patients.values())
    pair = next(of_one for of_one in patients.values() if len(of_one) == 2)
    assert not np.array_equal(pair[0].pixels.read(), pair[1].pixels.read())


@pytest.mark.parametrize(
    "option",
    [{"images": -1}, {"size": 8}, {"prevalence": 2.0}, {"tag": 1.5}, {"radius": (0.2, 0.1)},
     {"nodules": (0, 2)}, {"elongation": (0.5, 2.0)}, {"contrast": float("nan")}],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(option):
    with pytest.raises(DataError, match=f"phantom {next(iter(option))}=.*expected"):
        Phantom(**option)


def test_an_index_out_of_range_ends_the_iteration():
    with pytest.raises(IndexError):
        Phantom(images=3)[3]


def test_the_version_of_a_phantom_is_that_of_version_0_1():
    """Golden: names of units and trained models are made of it, so it may not change."""
    assert Phantom(images=2, seed=3100, contrast=0.08, tag=0.95)[0].pixels.version() == (
        "8605ea9c9bc359a0"
    )
