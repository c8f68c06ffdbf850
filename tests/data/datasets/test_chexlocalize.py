"""The authors' own sample: names, labels, and masks to the pixel."""

import json
import shutil

import numpy as np
import pytest
from pycocotools import mask as coco

from heatproof.data.annotations import RLE
from heatproof.data.check import check
from heatproof.data.datasets import datasets
from heatproof.data.datasets.chexlocalize import FINDINGS, CheXlocalize
from heatproof.errors import AnnotationError, DataError
from heatproof.types import Dataset


@pytest.fixture(scope="module")
def root(shared_data):
    return shared_data / "chexlocalize_sample"


@pytest.fixture
def copy(root, tmp_path):
    """Labels and annotations alone, to be broken."""
    for name in ("valid.csv", "gt_annotations_val.json"):
        shutil.copy(root / name, tmp_path)
    return tmp_path


def test_names_labels_and_patients(root):
    data = datasets.build("chexlocalize", {"root": str(root)})
    assert isinstance(data, Dataset)
    assert data.findings == FINDINGS
    first, second = data
    assert first.image_id == "patient64541_study1_view1_frontal"
    assert (first.patient_id, first.study_id) == ("patient64541", "patient64541_study1")
    assert (first.view, second.view) == ("AP", "PA")
    assert first.metadata == {"sex": "Male", "age": 73.0}
    # Lung Opacity in the table is Airspace Opacity here, and its column comes before Lung Lesion's.
    positive = {finding for finding, label in first.labels.items() if label}
    assert positive == {"Enlarged Cardiomediastinum", "Cardiomegaly", "Airspace Opacity"}
    assert {finding for finding, label in second.labels.items() if label} == {"Support Devices"}
    assert first.pixels.size() == (2320, 2828)


def test_rasterized_polygons_are_the_shipped_masks_exactly(root):
    shipped = json.loads((root / "gt_segmentations_val.json").read_text())
    data = CheXlocalize(root)
    masks = {
        (sample.image_id, annotation.finding): annotation.mask(*sample.pixels.size())
        for sample in data
        for annotation in sample.annotations
    }
    compared = 0
    for image_id, findings in shipped.items():
        for finding, rle in findings.items():
            expected = RLE(tuple(rle["size"]), rle["counts"]).mask(*rle["size"])
            ours = masks.get((image_id, finding), np.zeros(rle["size"], bool))
            assert np.array_equal(ours, expected), (image_id, finding)
            assert expected.sum() == coco.area(rle)
            compared += 1
    assert compared == 20
    assert len(masks) == 4


def test_the_shipped_masks_are_an_alternative_reference(root):
    polygons, masks = CheXlocalize(root), CheXlocalize(root, reference="masks")
    for drawn, filled in zip(polygons, masks, strict=True):
        assert [a.finding for a in drawn.annotations] == [a.finding for a in filled.annotations]
        size = drawn.pixels.size()
        for a, b in zip(drawn.annotations, filled.annotations, strict=True):
            assert np.array_equal(a.mask(*size), b.mask(*size))


def test_cardiomegaly_is_counted_as_enlarged_cardiomediastinum_too(root):
    instances = {a.finding: a.instances for a in CheXlocalize(root)[0].annotations}
    assert instances["Enlarged Cardiomediastinum"] == 2
    assert instances["Cardiomegaly"] == 1


def test_the_sample_is_in_order(root):
    assert check(CheXlocalize(root)) == ()


def test_missing_images_are_found_before_work_starts(copy):
    problems = check(CheXlocalize(copy))
    assert [problem.fatal for problem in problems] == [True, True]
    assert "view1_frontal.jpg: there is no such file" in problems[0].reason


def test_missing_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"none of valid\.csv"):
        CheXlocalize(tmp_path)


@pytest.mark.parametrize(
    ("found", "instead", "message"),
    [
        ("AP,0.0,1.0", "AP,0.0,2.0", "line 2, column 'Enlarged Cardiomediastinum': found '2.0'"),
        (",Edema,", ",Oedema,", "no column 'Edema'; did you mean Oedema"),
        (",73,", ",old,", "line 2, column 'Age': found 'old', expected a number"),
        ("patient64542", "patient64541", "line 3.*came before"),
        ("patient64542", "patient00001", "1 annotated images are not in"),
        ("CheXpert-v1.0/valid/patient64541/study1/", "", "expected a path such as"),
    ],
)
def test_a_broken_table_is_answered_with_line_and_value(copy, found, instead, message):
    table = copy / "valid.csv"
    table.write_text(table.read_text().replace(found, instead))
    with pytest.raises(DataError, match=message):
        CheXlocalize(copy)


def test_uncertain_is_none_and_blank_is_unknown(copy):
    table = copy / "valid.csv"
    table.write_text(table.read_text().replace("AP,0.0,1.0,1.0,1.0,0.0", "AP,0.0,1.0,-1.0,1.0,"))
    labels = CheXlocalize(copy)[0].labels
    assert labels["Cardiomegaly"] is None
    assert "Lung Lesion" not in labels


def table_of_cells(folder, cells):
    """CheXpert's label table of training films: row by row, the cells of the ten findings."""
    columns = ["Lung Opacity" if finding == "Airspace Opacity" else finding for finding in FINDINGS]
    # CheXpert has Lung Opacity before Lung Lesion, and columns that are no finding here.
    order = sorted(range(10), key=lambda place: columns[place][::-1])
    lines = [",".join(["Path", "Sex", "No Finding", *(columns[place] for place in order)])]
    for number, row in enumerate(cells):
        path = f"CheXpert-v1.0/train/patient{number:05}/study1/view1_frontal.jpg"
        lines.append(",".join([path, "Female", "1.0", *(row[place] for place in order)]))
    (folder / "train.csv").write_text("\n".join(lines) + "\n")
    return CheXlocalize(folder, split="train")


def test_every_cell_of_chexperts_table_is_one_of_four_things(tmp_path):
    """1 present, 0 absent, -1 uncertain, blank not mentioned: nothing is guessed for a blank."""
    random = np.random.default_rng(0)
    said = {"1.0": True, "1": True, "0.0": False, "0": False, "-1.0": None, "-1": None}
    cells = random.choice([*said, "", ""], (60, 10)).tolist()
    for row, sample in zip(cells, table_of_cells(tmp_path, cells), strict=True):
        expected = {}
        for finding, cell in zip(FINDINGS, row, strict=True):
            if cell:
                expected[finding] = said[cell]
        assert dict(sample.labels) == expected


def test_training_films_are_those_of_chexpert_and_nobody_outlined_them(copy):
    (copy / "valid.csv").rename(copy / "train.csv")
    data = CheXlocalize(copy, split="train")
    assert [sample.patient_id for sample in data] == ["patient64541", "patient64542"]
    assert not any(sample.annotations for sample in data)


def test_an_unknown_annotated_finding_is_answered_with_near_misses(copy):
    annotations = copy / "gt_annotations_val.json"
    annotations.write_text(annotations.read_text().replace('"Cardiomegaly"', '"Cardiomegalia"'))
    with pytest.raises(DataError, match="no finding 'Cardiomegalia'; did you mean Cardiomegaly"):
        CheXlocalize(copy)
    annotations.write_text("{")
    with pytest.raises(DataError, match="is not JSON"):
        CheXlocalize(copy)


@pytest.mark.parametrize("counts", [[0, 5, 7], None, 12])
def test_run_lengths_that_are_no_text_are_answered_with_what_is_expected(root, copy, counts):
    segmentations = json.loads((root / "gt_segmentations_val.json").read_text())
    image_id, drawn = next(iter(segmentations.items()))
    name = next(iter(drawn))
    drawn[name]["counts"] = counts
    (copy / "gt_segmentations_val.json").write_text(json.dumps(segmentations))
    with pytest.raises(DataError, match=f"{image_id}, {name}: found .*expected run lengths as"):
        CheXlocalize(copy, reference="masks")


def test_damaged_run_lengths_set_one_film_aside_and_not_the_data_set(root, copy):
    segmentations = json.loads((root / "gt_segmentations_val.json").read_text())
    image_id, drawn = next(iter(segmentations.items()))
    name = next(iter(drawn))
    drawn[name]["counts"] += "o"  # a number that does not end
    (copy / "gt_segmentations_val.json").write_text(json.dumps(segmentations))
    opened = CheXlocalize(copy, reference="masks")
    [film] = [opened[i] for i in range(len(opened)) if opened[i].image_id == image_id]
    [mark] = [one for one in film.annotations if one.finding == name]
    with pytest.raises(AnnotationError, match="run lengths that are no mask"):
        mark.mask(*drawn[name]["size"])
