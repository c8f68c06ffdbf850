"""The NIH's folder, written with phantoms; and the published boxes."""

import gzip
from collections import Counter

import numpy as np
import pytest

from heatproof.data.check import check
from heatproof.data.datasets import datasets
from heatproof.data.datasets.nih_chestxray14 import FINDINGS
from heatproof.data.on_disk import (
    NIH_LABELS,
    box_mask,
    boxes_of,
    grey,
    is_positive,
    nih_names,
    phantoms,
    write_nih,
)
from heatproof.errors import DataError


@pytest.fixture
def films():
    return phantoms(10)


@pytest.fixture(params=[True, False], ids=["2020", "2017"])
def root(tmp_path, films, request):
    write_nih(tmp_path / "nih", films, later=request.param)
    return tmp_path / "nih"


def opened(root, **options):
    return datasets.build("nih_chestxray14", {"root": root.name, **options}, root.parent)


def test_films_labels_patients_and_boxes(root, films):
    data = opened(root)
    assert check(data) == ()
    assert data.findings == FINDINGS
    for name, read, film in zip(nih_names(films), data, films, strict=True):
        assert read.image_id == name.removesuffix(".png")
        assert read.patient_id == name[:8]
        positive = {finding for finding, label in read.labels.items() if label}
        assert positive == ({"Infiltration", "Nodule"} if is_positive(film) else set())
        assert len(read.labels) == 14
        assert (read.view, read.metadata["sex"]) == ("PA", "F")
        np.testing.assert_allclose(read.pixels.read(), grey(film) / 255, atol=1e-6)
        drawn = boxes_of(film)
        assert sum(mark.instances for mark in read.annotations) == len(drawn)
        for mark in read.annotations:
            assert mark.finding == "Infiltration"
            np.testing.assert_array_equal(mark.mask(64, 64), box_mask(drawn))
    # An age of 414 years is none.
    assert [read.metadata.get("age") for read in data] == [None, *range(41, 50)]


def test_the_official_split_is_by_patient(root, films):
    train, test = opened(root, split="train_val"), opened(root, split="test")
    assert len(train) + len(test) == len(films)
    assert not {f.patient_id for f in train} & {f.patient_id for f in test}
    assert len(test) > 0


def test_films_with_boxes_alone(root, films):
    assert len(opened(root, boxed=True)) == sum(map(is_positive, films))
    (root / "BBox_List_2017.csv").unlink()
    assert len(opened(root)) == len(films)
    with pytest.raises(DataError, match=r"has no BBox_List_2017.csv, which boxed = true needs"):
        opened(root, boxed=True)


@pytest.mark.parametrize("patient", ["9" * 5000, "x", ""])
def test_a_patient_that_is_no_number_is_told(root, patient):
    row = f"00000001_000.png,Mass,0,{patient},30,M,AP,1,1,0.1,0.1\n"
    text = NIH_LABELS.format("Patient Sex", "") + row
    for path in root.glob("Data_Entry*"):
        path.write_text(text)
    with pytest.raises(DataError, match="expected the patient in the film's name, 00000001"):
        opened(root)


def test_every_problem_of_the_tables_is_told(root):
    end = "0,1,30,M,AP,1,1,0.1,0.1\n"
    text = NIH_LABELS.format("Patient Sex", "") + "".join(
        f"{start},{end}"
        for start in (
            "00000001_000.png,Nodule",
            "00000001_000.png,Nodule",
            "00000001_001.png,Nodul",
            "00000002_000.png,Mass",
            "film.png,Mass",
            "00000001_003.png,No Finding|Mass",
        )
    )
    for path in root.glob("Data_Entry*"):
        path.write_text(text)
    with pytest.raises(DataError) as told:
        opened(root)
    assert "5 problems" in str(told.value)
    assert "line 4, column 'Finding Labels': found 'Nodul'" in str(told.value)
    assert "did you mean Nodule?" in str(told.value)
    assert "line 5, column 'Patient ID': found '1', expected the patient in the film's name" in str(
        told.value
    )


def test_the_published_boxes(shared_data, tmp_path):
    """984 boxes of eight findings on 880 films."""
    boxes = gzip.decompress((shared_data / "tables" / "BBox_List_2017.csv.gz").read_bytes())
    (tmp_path / "BBox_List_2017.csv").write_bytes(boxes)
    names = {line.split(",")[0] for line in boxes.decode().splitlines()[1:]}
    rows = [f"{name},No Finding,0,{name[:8]},30,F,PA,1,1,.1,.1\n" for name in sorted(names)]
    text = NIH_LABELS.format("Patient Sex", "") + "".join(rows)
    (tmp_path / "Data_Entry_2017_v2020.csv").write_text(text)
    data = datasets.build("nih_chestxray14", {"root": str(tmp_path), "boxed": True})
    assert len(data) == 880
    counts = Counter()
    for film in data:
        for mark in film.annotations:
            counts[mark.finding] += mark.instances
            mark.shape.fit(1024, 1024)
            assert mark.mask(320, 320).any()
    assert counts == {
        "Atelectasis": 180, "Effusion": 153, "Cardiomegaly": 146, "Infiltration": 123,
        "Pneumonia": 120, "Pneumothorax": 98, "Mass": 85, "Nodule": 79,
    }  # fmt: skip
