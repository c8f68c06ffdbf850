"""Several tables are one data set, in which no film and no patient counts twice."""

import numpy as np
import pytest
from PIL import Image

from heatproof.data.check import check
from heatproof.data.datasets import datasets
from heatproof.data.datasets.manifest import Manifest
from heatproof.data.datasets.pooled import Pooled
from heatproof.data.splits import split
from heatproof.errors import DataError, SpecError


@pytest.fixture
def folder(tmp_path):
    for name in ("a", "b", "c", "d"):
        Image.fromarray(np.full((10, 12), 9, np.uint8)).save(tmp_path / f"{name}.png")
    (tmp_path / "here.csv").write_text(
        'image,who,age,boxes\na.png,48.0,61,"[[1, 2, 3, 4]]"\nb.png,,,\n'
    )
    (tmp_path / "there.csv").write_text("file,patient,Nodule,Mass\nc.png,48,0,1\nd.png,49,0,\n")
    return tmp_path


HERE = {
    "csv": "here.csv", "labels": {"Nodule": True}, "patient": "who", "boxes": "boxes",
    "metadata": ["age"],
}  # fmt: skip
THERE = {"csv": "there.csv", "image": "file", "patient": "patient", "labels": ["Nodule", "Mass"]}


def pooled(folder, here=HERE, there=THERE, **options):
    return datasets.build("pooled", {"tables": {"here": here, "there": there}} | options, folder)


def test_tables_are_joined_each_with_its_own_options(folder):
    data = pooled(folder)
    assert data.findings == ("Nodule", "Mass")
    assert [film.image_id for film in data] == ["a.png", "b.png", "c.png", "d.png"]
    assert [dict(film.labels) for film in data] == [
        {"Nodule": True}, {"Nodule": True}, {"Nodule": False, "Mass": True}, {"Nodule": False},
    ]  # fmt: skip
    assert [dict(film.metadata) for film in data] == [
        {"table": "here", "age": 61.0}, {"table": "here"}, {"table": "there"}, {"table": "there"},
    ]  # fmt: skip
    assert data[0].annotations[0].mask(10, 12).sum() == 12
    assert check(data) == ()


def test_a_patient_is_one_in_all_tables_however_a_table_spells_it(folder):
    data = pooled(folder)
    assert [film.patient_id for film in data] == ["48", None, "48", "49"]
    parts = split(list(data), {"train": 0.5, "test": 0.5}, seed=0)
    of_48 = {name for name, films in parts.items() if {0, 2} & {*films}}
    assert len(of_48) == 1


def test_python_pools_data_sets_as_they_are(folder):
    here = Manifest(folder / "here.csv", {"Nodule": True}, boxes="boxes")
    assert [film.image_id for film in Pooled({"x": here})] == ["a.png", "b.png"]


def test_equal_names_are_told_apart_where_that_is_said(folder):
    Image.fromarray(np.full((10, 12), 9, np.uint8)).save(folder / "a2.png")
    (folder / "there.csv").write_text("file,id,Nodule\na2.png,a.png,0\n")
    there = {"csv": "there.csv", "image": "file", "id": "id", "labels": ["Nodule"]}
    with pytest.raises(
        DataError, match=r"2 films of here, there are named 'a.png'; say prefix = t"
    ):
        pooled(folder, there=there)
    data = pooled(folder, there=there, prefix=True)
    assert [film.image_id for film in data] == ["here/a.png", "here/b.png", "there/a.png"]


def test_one_file_in_two_tables_would_count_twice(folder):
    (folder / "there.csv").write_text("file,id,Nodule\na.png,other,0\n")
    there = {"csv": "there.csv", "image": "file", "id": "id", "labels": ["Nodule"]}
    with pytest.raises(DataError, match=r"'a.png' of here and 'other' of there are one file"):
        pooled(folder, there=there)


def test_strays_of_tables_are_strays_of_the_pool(folder):
    text = (
        (folder / "here.csv").read_text().replace("[[1, 2, 3, 4]]", "[[1, 2, 3, 4], [5, 5, 0, 0]]")
    )
    (folder / "here.csv").write_text(text)
    for prefix, name in ((False, "a.png"), (True, "here/a.png")):
        (problem,) = check(pooled(folder, prefix=prefix))
        assert (problem.image_id, problem.fatal, problem.whole) == (name, False, False)
        assert "the box [5.0, 5.0, 0.0, 0.0] marks nothing" in problem.reason


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (
            {"here": HERE | {"imge": "x"}},
            "tables.here: manifest has no option 'imge'; did you mean",
        ),
        ({"here": HERE | {"dataset": "manifst"}}, "tables.here: no data set is named 'manifst'"),
        ({"here": "here.csv"}, "tables.here = 'here.csv', expected a table of options"),
    ],
)
def test_a_mistake_in_a_table_names_it(folder, tables, message):
    with pytest.raises(SpecError, match=message):
        datasets.build("pooled", {"tables": tables}, folder)


def test_nothing_is_no_pool(folder):
    with pytest.raises(DataError, match=r"without tables; expected \[data.tables.NAME\]"):
        datasets.build("pooled", {"tables": {}}, folder)
    with pytest.raises(SpecError, match="lacks tables"):
        datasets.build("pooled", {}, folder)


def test_real_positives_from_here_and_negatives_from_there(shared_data):
    siim = {
        "csv": "siim_pneumothorax_320/manifest.csv", "image": "file", "mask": "mask",
        "masks_frame": [1024, 1024], "labels": {"Pneumothorax": True},
    }  # fmt: skip
    nih = {
        "csv": "nih_pool_320/manifest.csv", "image": "file", "patient": "nih_patient",
        "where": {"nih_labels": "No Finding"}, "labels": {"Pneumothorax": False},
    }  # fmt: skip
    data = datasets.build("pooled", {"tables": {"siim": siim, "nih": nih}}, shared_data)
    labels = [film.labels["Pneumothorax"] for film in data]
    assert (labels.count(True), labels.count(False)) == (54, 50)
    assert [bool(film.annotations) for film in data] == labels
    assert check(data) == ()
