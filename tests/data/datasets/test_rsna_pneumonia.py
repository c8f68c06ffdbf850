"""The challenge's folder, written with phantoms; and the published counts of the real tables."""

from collections import Counter

import numpy as np
import pytest

from heatproof.data.check import check
from heatproof.data.datasets import datasets
from heatproof.data.on_disk import (
    box_mask,
    boxes_of,
    grey,
    is_positive,
    phantoms,
    rsna_name,
    write_csv,
    write_rsna,
)
from heatproof.data.splits.published import drawn, listed
from heatproof.errors import DataError, SpecError

FINDING = "Lung Opacity"


@pytest.fixture
def films():
    return phantoms(12)


@pytest.fixture
def root(tmp_path, films):
    write_rsna(tmp_path / "rsna", films)
    return tmp_path / "rsna"


def opened(root, **options):
    # As in an experiment file: a path is taken from the folder of the file.
    return datasets.build("rsna_pneumonia", {"root": root.name, **options}, root.parent)


def test_films_labels_patients_and_boxes(root, films):
    data = opened(root, others="negative")
    assert data.findings == (FINDING,)
    assert len(data) == len(films)
    assert check(data) == ()
    for number, (read, film) in enumerate(zip(data, films, strict=True)):
        assert read.image_id == rsna_name(number)
        assert read.labels == {FINDING: is_positive(film)}
        assert read.patient_id == f"{int(film.patient_id[-6:]):08d}"
        np.testing.assert_allclose(read.pixels.read(), grey(film) / 255, atol=1e-6)
        drawn = boxes_of(film)
        assert sum(mark.instances for mark in read.annotations) == len(drawn)
        for mark in read.annotations:
            assert (mark.finding, mark.source) == (FINDING, "reference")
            np.testing.assert_array_equal(mark.mask(64, 64), box_mask(drawn))
    assert 0 < sum(map(is_positive, films)) < len(films)


def test_the_third_class_is_left_out_unless_it_is_asked_for(root):
    classes = [film.metadata["class"] for film in opened(root)]
    assert {*classes} == {FINDING, "Normal"}
    assert len(opened(root, others="negative")) > len(classes)


def test_films_of_another_format_are_found_by_their_name(root, films):
    from PIL import Image

    folder = root / "png" / "deep"
    folder.mkdir(parents=True)
    for number, film in enumerate(films):
        # Of half the size: boxes are scaled with the film.
        Image.fromarray(grey(film)).resize((32, 32)).save(folder / f"{rsna_name(number)}.png")
    data = opened(root, images="rsna/png")
    assert check(data) == ()
    for film in data:
        for mark in film.annotations:
            assert mark.mask(32, 32).shape == film.pixels.read().shape
            # Twice as many pixels each way: at most a rim of half a pixel differs.
            assert abs(4 * mark.mask(32, 32).sum() - mark.mask(64, 64).sum()) <= 4 * 64


def test_without_the_mapping_no_patient_is_made_up(root):
    (root / "pneumonia-challenge-dataset-mappings_2018.json").unlink()
    assert {film.patient_id for film in opened(root)} == {None}


def test_every_problem_of_both_tables_is_told(root):
    names = [rsna_name(number) for number in range(5)]
    table = [
        ("patientId", "x", "y", "width", "height", "Target"),
        (names[0], "", "", "", "", 1),
        (names[1], 1, 2, 3, 4, 0),
        (names[2], 1, 2, 0, 4, 1),
        ("stranger", "", "", "", "", 0),
        (names[4], "", "", "", "", "yes"),
    ]
    write_csv(root / "stage_2_train_labels.csv", table)
    classes = [FINDING, "Normal", FINDING, FINDING, "Nromal"]
    rows = zip(names, classes, strict=True)
    write_csv(root / "stage_2_detailed_class_info.csv", [("patientId", "class"), *rows])
    with pytest.raises(DataError) as told:
        opened(root)
    text = str(told.value)
    assert "7 problems" in text
    assert "stage_2_train_labels.csv, line 2, column 'x': found '', expected numbers" in text
    assert "line 3, column 'x': found '1', expected nothing, since Target is 0" in text
    assert "line 4, column 'width': found '0'" in text
    assert "line 5, column 'patientId': found 'stranger'" in text
    assert "stage_2_detailed_class_info.csv, line 6, column 'class': found 'Nromal'" in text
    assert f"has no film {names[3]!r}" in text


def test_a_wrong_folder_is_told(tmp_path):
    with pytest.raises(DataError, match="root = the folder into which"):
        datasets.build("rsna_pneumonia", {"root": str(tmp_path)})
    with pytest.raises(SpecError, match="split"):
        datasets.build("rsna_pneumonia", {"root": str(tmp_path), "split": "holdout"})


def test_the_split_is_one_of_two_classes(root):
    with pytest.raises(DataError, match='others = "left out"'):
        opened(root, split="test", others="negative")


@pytest.mark.slow
def test_the_published_counts_and_the_published_split(shared_data):
    """26,684 films, 14,863 of two classes, and of these the very films of the published lists."""
    tables = shared_data / "tables"
    published = listed(tables / "pneumonia_splits.csv.gz")
    assert Counter(published.values()) == {"train": 12039, "validation": 1338, "test": 1486}
    every = datasets.build("rsna_pneumonia", {"root": str(tables), "others": "negative"})
    assert len(every) == 26684
    assert sum(mark.instances for film in every for mark in film.annotations) == 9555
    kept = {
        film.image_id: film.metadata["class"] == FINDING
        for film in every
        if film.metadata["class"] != "No Lung Opacity / Not Normal"
    }
    assert (len(kept), sum(kept.values())) == (14863, 6012)
    assert drawn(list(kept), 0.1, 1, kept) == published
    test = datasets.build("rsna_pneumonia", {"root": str(tables), "split": "test"})
    assert {film.image_id for film in test} == {n for n, p in published.items() if p == "test"}
    assert sum(film.labels[FINDING] for film in test) == 601
    assert sum(mark.instances for film in test for mark in film.annotations) == 973
