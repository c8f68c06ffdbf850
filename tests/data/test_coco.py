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
