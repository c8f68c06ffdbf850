"""Annotations of a COCO file land on the films they were drawn on, or nowhere."""

import json

import pytest
from PIL import Image

from heatproof.data.annotations import RLE, encode
from heatproof.data.datasets.manifest import Manifest
from heatproof.errors import AnnotationError, DataError


def films(folder, names):
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        Image.new("L", (12, 10)).save(folder / name)
    rows = [f"{name},{index % 2}" for index, name in enumerate(names)]
    (folder / "films.csv").write_text("\n".join(["image,Opacity", *rows]) + "\n")


def coco(folder, names, **annotation):
    content = {
        "images": [{"id": i, "file_name": name} for i, name in enumerate(names)],
        "categories": [{"id": 0, "name": "Opacity"}],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 0, "bbox": [1, 2, 3, 4], **annotation}
            for i in range(len(names))
        ],
    }
    (folder / "boxes.json").write_text(json.dumps(content))


def read(folder):
    return Manifest(folder / "films.csv", ("Opacity",), coco=folder / "boxes.json")


def test_a_name_without_folder_finds_its_only_film(tmp_path):
    films(tmp_path, ["A/1.png", "B/2.png"])
    coco(tmp_path, ["2.png"])
    assert [len(sample.annotations) for sample in (read(tmp_path)[0], read(tmp_path)[1])] == [0, 1]


def test_a_name_that_fits_two_films_is_refused(tmp_path):
    films(tmp_path, ["A/1.png", "B/1.png"])
    coco(tmp_path, ["1.png"])
    with pytest.raises(DataError, match=r"annotates '1.png', but 2 images .* with its folder"):
        read(tmp_path)


def test_a_folder_tells_them_apart(tmp_path):
    films(tmp_path, ["A/1.png", "B/1.png"])
    coco(tmp_path, ["B/1.png"])
    assert not read(tmp_path)[0].annotations
    assert read(tmp_path)[1].annotations


def test_annotated_images_that_are_not_in_the_table_are_not_lost_silently(tmp_path):
    films(tmp_path, ["a1.png", "a2.png"])
    coco(tmp_path, ["a1.png", "a22.png"])
    with pytest.raises(DataError, match=r"1 of 2 annotated images.*'a22.png'; did you mean a2.png"):
        read(tmp_path)


@pytest.mark.parametrize("broken", [{"category_id": [0]}, {"image_id": {"a": 1}}])
def test_odd_references_are_answered(tmp_path, broken):
    films(tmp_path, ["a1.png"])
    coco(tmp_path, ["a1.png"], **broken)
    with pytest.raises(DataError, match=r"annotation 0: .* is not listed"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"bbox": [1, 2, float("nan"), 4]}, "a number missing"),
        ({"bbox": [1, 2, float("inf"), 4]}, "a number missing"),
        ({"bbox": [1, 2, 10**400, 4]}, "too large"),
        ({"bbox": [5, 5, -3, 4]}, "width -3 .*was it written as corners"),
        ({"bbox": [5, 5, 0, 4]}, "width 0"),
        ({"bbox": None}, "NoneType"),
        ({"bbox": ["a", 1, 2, 3]}, "'a'"),
        ({"segmentation": "abc"}, "segmentation is 'abc'"),
        ({"segmentation": [1, 2, 3, 4]}, "not subscriptable"),
        ({"segmentation": {"size": [10, 12], "counts": [-5, 125]}}, "none of them below 0"),
        ({"segmentation": {"size": [10, 12], "counts": [0.5, 119.5]}}, "whole numbers"),
        ({"segmentation": {"size": ["10", 12], "counts": [120]}}, "segmentation is"),
        ({"segmentation": {"counts": "abc"}}, "segmentation is"),
    ],
)
def test_a_malformed_shape_names_its_annotation(tmp_path, broken, message):
    films(tmp_path, ["a1.png"])
    coco(tmp_path, ["a1.png"], **broken)
    with pytest.raises(DataError, match=rf"boxes.json, annotation 0: neither polygons.*{message}"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("kind", "entries", "message"),
    [
        ("annotations", [5], r"number 0 of annotations: found 5, expected an object"),
        ("annotations", {"a": 1}, r"annotations is \{'a': 1\}, expected a list"),
        ("images", None, "images is None, expected a list"),
        ("images", ["x" * 99], r"number 0 of images: found 'x+\.\.\., expected an object"),
        ("images", [{"id": [1], "file_name": "a1.png"}], "image .*: expected an id"),
        ("images", [{"id": 0}], "image 0: expected an id.*and file_name"),
        ("images", [{"id": 0, "file_name": "a1.png", "height": None, "width": 9}], "height None"),
        ("images", [{"id": 0, "file_name": "a1.png", "height": "big", "width": 9}], "height 'big'"),
        ("images", [{"id": 0, "file_name": "a1.png", "height": 9}], "width None"),
        ("images", [{"id": 0, "file_name": n} for n in "ab"], "two of images have the id 0"),
        ("categories", [], "category_id 0 is not listed; there are none"),
        ("categories", [{"id": 0}], "category 0: expected an id.*and name"),
    ],
)
def test_a_malformed_list_names_its_entry(tmp_path, kind, entries, message):
    films(tmp_path, ["a1.png"])
    coco(tmp_path, ["a1.png"])
    content = json.loads((tmp_path / "boxes.json").read_text()) | {kind: entries}
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=message):
        read(tmp_path)


@pytest.mark.parametrize("lost", ["categories", "images", "annotations"])
def test_a_list_that_is_not_there_is_missed(tmp_path, lost):
    films(tmp_path, ["a1.png"])
    coco(tmp_path, ["a1.png"])
    content = json.loads((tmp_path / "boxes.json").read_text())
    del content[lost]
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="expected images, annotations and categories"):
        read(tmp_path)


def test_what_is_no_json_is_told_and_a_byte_order_mark_is_not(tmp_path):
    films(tmp_path, ["a1.png"])
    coco(tmp_path, ["a1.png"])
    file = tmp_path / "boxes.json"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert read(tmp_path)[0].annotations
    for broken in ("{oops", "[" * 100_000):
        file.write_text(broken)
        with pytest.raises(DataError, match="is not JSON"):
            read(tmp_path)


def test_a_file_that_marks_nothing_is_told_from_one_that_names_other_films(tmp_path):
    films(tmp_path, ["a1.png"])
    coco(tmp_path, ["a1.png"])
    content = json.loads((tmp_path / "boxes.json").read_text()) | {"annotations": []}
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="annotates nothing; leave it out"):
        read(tmp_path)


def test_run_lengths_that_are_cut_short_are_refused(tmp_path):
    films(tmp_path, ["a1.png"])
    coco(tmp_path, ["a1.png"], segmentation={"size": [10, 12], "counts": [23, 3]})
    with pytest.raises(DataError, match="counts add up to 26, not 10 x 12"):
        read(tmp_path)


def test_compressed_run_lengths_never_give_pixels_that_nobody_set():
    import numpy as np

    mask = np.zeros((10, 12), bool)
    mask[3:6, 2:9] = True
    whole = encode(mask)
    for end in range(1, len(whole.counts)):
        short = RLE(whole.size, whole.counts[:end])
        try:
            found = short.mask(10, 12)
        except AnnotationError:
            continue
        assert not (found & ~mask).any()
