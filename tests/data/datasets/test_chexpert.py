"""CheXpert's folder, written with phantoms; and the authors' own table of two films."""

import numpy as np
import pytest

from heatproof.data.check import check
from heatproof.data.datasets import datasets
from heatproof.data.on_disk import (
    CHEXPERT,
    chexpert_names,
    grey,
    is_positive,
    phantoms,
    write_chexpert,
    write_csv,
)
from heatproof.data.tabular.chexpert import OBSERVATIONS
from heatproof.errors import DataError


@pytest.fixture
def films():
    return phantoms(9)


@pytest.fixture
def root(tmp_path, films):
    write_chexpert(tmp_path / "CheXpert-v1.0-small", films)
    return tmp_path / "CheXpert-v1.0-small"


def opened(root, **options):
    return datasets.build("chexpert", {"root": root.name, "split": "train", **options}, root.parent)


def test_films_labels_patients_and_views(root, films):
    data = opened(root)
    assert check(data) == ()
    assert data.findings == OBSERVATIONS
    for number, (name, read, film) in enumerate(
        zip(chexpert_names(films), data, films, strict=True)
    ):
        assert read.image_id == name.replace("/", "_")
        patient, study, _ = name.split("/")
        assert (read.patient_id, read.study_id) == (patient, f"{patient}_{study}")
        assert read.labels == {
            "Lung Lesion": is_positive(film),
            "Edema": False if number % 3 else None,
        }
        assert read.view == ("AP" if number % 3 else "Lateral")
        assert read.metadata == {"sex": "Female", "age": 40.0 + number}
        # JPEG is not exact.
        assert np.abs(read.pixels.read() - grey(film) / 255).mean() < 0.02


def test_frontal_and_lateral_films(root):
    assert len(opened(root, views=["frontal"])) == 6
    assert {film.view for film in opened(root, views=["lateral"])} == {"Lateral"}


@pytest.mark.parametrize(
    ("option", "expected"),
    [("uncertain", {None, False}), ("positive", {True, False}), ("negative", {False})],
)
def test_uncertain_labels_become_what_is_said(root, option, expected):
    assert {film.labels["Edema"] for film in opened(root, uncertain=option)} == expected


def test_unknown_is_not_negative_unless_that_is_said(root):
    unknown = opened(root, uncertain="unknown")
    assert sum("Edema" in film.labels for film in unknown) == 6
    negative = opened(root, uncertain="unknown", blank="negative")
    assert {film.labels["Fracture"] for film in negative} == {False}
    # Blank in the table is one thing, and uncertain another.
    assert sum("Edema" in film.labels for film in negative) == 6


def test_every_problem_of_the_table_is_told(root):
    cells = [""] * len(CHEXPERT[5:])
    rows = [
        ("view1_frontal.jpg", "Male", 30, "Frontal", "AP", *cells),
        (
            "CheXpert-v1.0/train/patient1/study1/view1_frontal.jpg",
            "M",
            "old",
            "Frontal",
            "",
            *cells,
        ),
        ("CheXpert-v1.0/train/patient2/study1/view1_frontal.jpg", "M", 1, "Frontal", "", *cells),
        ("CheXpert-v1.0/train/patient2/study1/view1_frontal.jpg", "M", 1, "Frontal", "", *cells),
        ("x/patient3/study1/view1_frontal.jpg", "M", 1, "Frontal", "", "2", *cells[1:]),
    ]
    write_csv(root / "train.csv", [CHEXPERT, *rows])
    with pytest.raises(DataError) as told:
        opened(root)
    text = str(told.value)
    assert "4 problems" in text
    assert "line 2, column 'Path'" in text
    assert "line 3, column 'Age': found 'old', expected a number of years" in text
    assert "line 5, column 'Path'" in text
    assert "line 6, column 'No Finding': found '2', expected 1 (present), 0 (absent)" in text
    with pytest.raises(DataError, match=r"has no test_labels.csv or test.csv; expected root"):
        opened(root, split="test")


def test_a_column_that_no_row_has_is_one_problem(root):
    lines = (root / "train.csv").read_text().replace("Fracture", "Fractures")
    (root / "train.csv").write_text(lines)
    with pytest.raises(DataError) as told:
        opened(root)
    assert str(told.value).count("has no column 'Fracture'; did you mean Fractures?") == 1
    assert "a problem in its tables" in str(told.value)


def test_the_table_of_the_authors_sample(shared_data):
    data = datasets.build("chexpert", {"root": str(shared_data / "chexlocalize_sample")})
    assert check(data) == ()
    first, second = data
    assert first.image_id == "patient64541_study1_view1_frontal"
    positive = {finding for finding, label in first.labels.items() if label}
    assert positive == {"Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity"}
    assert {f for f, label in second.labels.items() if label} == {"Support Devices"}
    assert len(first.labels) == 14
