"""PhysioNet's folder, written with phantoms."""

import gzip

import numpy as np
import pytest

from heatproof.data.check import check
from heatproof.data.datasets import datasets
from heatproof.data.on_disk import grey, is_positive, mimic_name, phantoms, write_mimic
from heatproof.errors import DataError


@pytest.fixture
def films():
    return phantoms(9)


@pytest.fixture
def root(tmp_path, films):
    write_mimic(tmp_path / "mimic", films)
    return tmp_path / "mimic"


def opened(root, **options):
    return datasets.build("mimic_cxr", {"root": root.name, "split": "all", **options}, root.parent)


def test_films_labels_patients_and_studies(root, films):
    data = opened(root)
    assert check(data) == ()
    assert len(data) == len(films)
    for number, (read, film) in enumerate(zip(data, films, strict=True)):
        assert read.image_id == mimic_name(number)
        assert read.patient_id == str(10000000 + int(film.patient_id[-6:]))
        assert read.study_id == str(50000000 + number)
        labels = {"Lung Lesion": is_positive(film), "Edema": None}
        # A study without a row of labels is unknown, and not negative.
        assert read.labels == (labels if number < len(films) - 1 else {})
        assert np.abs(read.pixels.read() - grey(film) / 255).mean() < 0.02


def test_parts_and_views(root):
    names = {film.image_id for film in opened(root, split="test")}
    assert names == {mimic_name(number) for number in (1, 3, 5, 7)}
    assert {film.view for film in opened(root, views=["PA"])} == {"PA"}
    with pytest.raises(DataError, match=r"no view 'LATERL'; did you mean LATERAL"):
        opened(root, views=["LATERL"])


def test_uncertain_labels_become_what_is_said(root):
    assert opened(root, uncertain="positive", blank="negative")[0].labels["Edema"] is True
    assert opened(root, blank="negative")[0].labels["Fracture"] is False
    assert "Edema" not in opened(root, uncertain="unknown")[0].labels


def test_problems_are_told_together(root):
    path = root / "mimic-cxr-2.0.0-metadata.csv.gz"
    text = gzip.decompress(path.read_bytes()).decode()
    lines = text.splitlines()
    path.write_bytes(gzip.compress("\n".join([*lines, lines[1], "stranger,1,2,PA"]).encode()))
    with pytest.raises(DataError, match=r"(?s)2 problems.*line 11, .*line 12, .*'stranger'"):
        opened(root)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match=r"metadata.csv.gz cannot be read"):
        opened(root)
    path.unlink()
    with pytest.raises(DataError, match=r"expected root = the folder of MIMIC-CXR-JPG"):
        opened(root)
