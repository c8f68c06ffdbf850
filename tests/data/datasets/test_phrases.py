"""MS-CXR and PadChest-GR, written with phantoms: phrases with regions, and phrases without."""

import json

import numpy as np
import pytest

from heatproof.data.check import check
from heatproof.data.datasets import datasets
from heatproof.data.on_disk import (
    SIZE,
    box_mask,
    boxes_of,
    grey,
    is_positive,
    mimic_name,
    phantoms,
    write_csv,
)
from heatproof.data.on_disk.phrases import MS_CXR, padchest_name, write_ms_cxr, write_padchest_gr
from heatproof.errors import DataError

FILMS = phantoms(8)
POSITIVE = [number for number, film in enumerate(FILMS) if is_positive(film)]


def opened(name, root, **options):
    return datasets.build(name, {"root": root.name, **options}, root.parent)


@pytest.fixture
def ms_cxr(tmp_path):
    write_ms_cxr(tmp_path / "ms-cxr", FILMS)
    return tmp_path / "ms-cxr"


@pytest.fixture
def padchest(tmp_path):
    write_padchest_gr(tmp_path / "padchest", FILMS)
    return tmp_path / "padchest"


def test_ms_cxr_reads_boxes_of_another_resolution(ms_cxr):
    data = opened("ms_cxr", ms_cxr)
    assert check(data) == ()
    assert [film.image_id for film in data] == [mimic_name(number) for number in POSITIVE]
    for number, film in zip(POSITIVE, data, strict=True):
        (mark,) = film.annotations
        assert (mark.finding, mark.source, film.labels) == (
            "Lung Opacity", "reference", {"Lung Opacity": True},
        )  # fmt: skip
        np.testing.assert_array_equal(mark.mask(SIZE, SIZE), box_mask(boxes_of(FILMS[number])))
        assert film.patient_id == str(10000000 + int(FILMS[number].patient_id[-6:]))
        assert film.study_id == str(50000000 + number)
    assert [len(p.regions["reference"].boxes) for p in data.phrases] == [
        len(boxes_of(FILMS[number])) for number in POSITIVE
    ]
    assert {p.text for p in data.phrases} == {"an opacity, here"}
    parts = [len(opened("ms_cxr", ms_cxr, split=part)) for part in ("train", "test")]
    assert sum(parts) == len(POSITIVE)
    assert all(parts)


def test_ms_cxr_tells_every_problem(ms_cxr):
    good = ["x", "Edema", "t", "files/p10/p1/s1/a.jpg", 1, 1, 2, 2, 9, 9, "test"]
    bad = [{1: "edema"}, {3: "../../a/b/c"}, {6: 0}, {4: "one"}, {8: 10}, {10: "tets"}]
    rows = [good] + [[change.get(n, cell) for n, cell in enumerate(good)] for change in bad]
    write_csv(ms_cxr / "MS_CXR_Local_Alignment_v1.1.0.csv", [MS_CXR, *rows])
    with pytest.raises(DataError, match="6 problems") as told:
        opened("ms_cxr", ms_cxr)
    for line, column in enumerate(("category_name", "path", "w", "x", "image_width", "split"), 3):
        assert f"line {line}, column {column!r}" in str(told.value)
    with pytest.raises(DataError, match=r"expected root = the folder of MS-CXR"):
        opened("ms_cxr", ms_cxr / "files")


def test_padchest_gr_has_two_readers_and_phrases_that_nobody_could_show(padchest):
    data = opened("padchest_gr", padchest)
    assert check(data) == ()
    assert data.findings == ("COPD signs", "nodule", "pleural effusion")
    for number, (read, film) in enumerate(zip(data, FILMS, strict=True)):
        assert f"{read.image_id}.png" == padchest_name(number)
        assert read.labels == {
            "COPD signs": is_positive(film), "nodule": is_positive(film), "pleural effusion": False,
        }  # fmt: skip
        marks = {(mark.finding, mark.source): mark.mask(SIZE, SIZE) for mark in read.annotations}
        boxes = boxes_of(film)
        if not boxes:
            assert marks == {}
            continue
        assert marks.keys() == {("nodule", "reader 1"), ("nodule", "reader 2")}
        np.testing.assert_array_equal(marks["nodule", "reader 1"], box_mask(boxes))
        np.testing.assert_array_equal(marks["nodule", "reader 2"], box_mask(boxes[:1]))
        assert read.metadata["phrases not grounded"] == 1
    texts = {(p.text, p.present, p.grounded) for p in data.phrases}
    assert texts == {("No pleural effusion.", False, False), ("Nodules.", True, True),
                     ("Signs of COPD.", True, False)}  # fmt: skip
    values = data[0].pixels.read()
    expected = grey(FILMS[0]).astype(float)
    expected = (expected - expected.min()) / (expected.max() - expected.min())
    np.testing.assert_allclose(values, expected, atol=1e-3)


def test_what_both_readers_of_padchest_gr_marked_is_the_reference(padchest):
    for rule, first in (("intersection", True), ("union", False)):
        data = opened("padchest_gr", padchest, consensus=rule, readers=False)
        for number in POSITIVE:
            (mark,) = data[number].annotations
            boxes = boxes_of(FILMS[number])
            expected = box_mask(boxes[:1] if first else boxes)
            np.testing.assert_array_equal(mark.mask(SIZE, SIZE), expected)
    tested = opened("padchest_gr", padchest, split="test")
    assert len(tested) == len(FILMS) // 2
    assert {p.image_id for p in tested.phrases} == {film.image_id for film in tested}


def test_padchest_gr_tells_every_problem(padchest):
    path = padchest / "grounded_reports_20240819.json"
    good = {"sentence_en": "a", "abnormal": True, "labels": ["nodule"], "boxes": []}
    findings = [good | change for change in (
        {"abnormal": "yes"}, {"labels": [3]}, {"boxes": [[0, 0, 900, 900]]}, {"boxes": [[1, 2]]},
        {"extra_boxes": [[0.5, 0.5, 0.4, 0.6]]})]  # fmt: skip
    path.write_text(json.dumps([{"ImageID": "a.png", "findings": findings}, {"ImageID": 3}]))
    with pytest.raises(DataError, match="6 problems") as told:
        opened("padchest_gr", padchest)
    assert "finding 2, boxes: [0, 0, 900, 900], expected shares" in str(told.value)
    with pytest.raises(DataError, match="expected root = the folder of PadChest-GR"):
        opened("padchest_gr", padchest / "Padchest_GR_files")
