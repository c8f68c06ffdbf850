"""The challenge's folder, written with phantoms; and the published counts of the real tables."""

import csv
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from heatproof.data.annotations import lesions_of
from heatproof.data.annotations.mask_files import marked
from heatproof.data.check import check
from heatproof.data.datasets import datasets
from heatproof.data.on_disk import (
    grey,
    is_positive,
    phantoms,
    siim_masks,
    siim_name,
    write_csv,
    write_siim,
)
from heatproof.data.splits.published import drawn, listed
from heatproof.errors import DataError

FINDING = "Pneumothorax"


@pytest.fixture
def films():
    return phantoms(8)


@pytest.fixture
def root(tmp_path, films):
    write_siim(tmp_path / "siim", films)
    return tmp_path / "siim"


def opened(root, **options):
    return datasets.build("siim_pneumothorax", {"root": root.name, **options}, root.parent)


def test_films_labels_and_outlines(root, films):
    data = opened(root)
    assert check(data) == ()
    assert len(data) == len(films)
    several = 0
    for number, (read, film) in enumerate(zip(data, films, strict=True)):
        assert read.image_id == siim_name(number)
        assert read.labels == {FINDING: is_positive(film)}
        np.testing.assert_allclose(read.pixels.read(), grey(film) / 255, atol=1e-6)
        masks = siim_masks(film)
        assert len(read.annotations) == bool(masks)
        for mark in read.annotations:
            np.testing.assert_array_equal(mark.mask(1024, 1024), np.any(masks, axis=0))
            np.testing.assert_array_equal(mark.mask(64, 64), np.any(masks, axis=0)[8::16, 8::16])
            # A row is a thing, also where two touch.
            assert mark.instances == len(masks) == len(list(lesions_of(mark.shape, 64, 64)))
            several += len(masks) > 1
    assert several


def test_every_problem_of_the_table_is_told(root):
    rows = [
        ("ImageId", " EncodedPixels"),
        ("a", " -1"),
        ("a", "5 3"),
        ("b", "5"),
        ("c", "1048570 7"),
        ("d", "none"),
        ("e", ""),
    ]
    write_csv(root / "train-rle.csv", rows)
    with pytest.raises(DataError) as told:
        opened(root)
    text = str(told.value)
    assert "5 problems" in text
    assert "line 3, column 'EncodedPixels': found '5 3', expected outlines or -1 for 'a'" in text
    for line in (4, 5, 6, 7):
        assert f"line {line}, column 'EncodedPixels'" in text


def test_two_files_of_one_film_are_told_apart_by_a_folder(root, films):
    (root / "png").mkdir()
    Image.fromarray(grey(films[0])).save(root / "png" / f"{siim_name(0)}.png")
    with pytest.raises(DataError, match=r"two files are of film .*images = "):
        opened(root)
    assert opened(root, images="siim/png")[0].pixels.path.suffix == ".png"


def test_another_table_has_no_published_split(root, tmp_path):
    with pytest.raises(DataError, match=r"8 films.*table of 10675; give its list"):
        opened(root, split="test")
    rows = [("", "Image_ID", "Split"), (0, siim_name(2), "test"), (1, siim_name(1), "train")]
    write_csv(tmp_path / "list.csv", rows)
    assert [f.image_id for f in opened(root, split="test", splits="list.csv")] == [siim_name(2)]
    write_csv(tmp_path / "list.csv", [*rows, (2, siim_name(1), "held out")])
    with pytest.raises(DataError, match=r"line 4, column 'Split': found 'held out'"):
        opened(root, split="test", splits="list.csv")


@pytest.mark.slow
def test_the_published_split_and_the_published_films(shared_data, tmp_path):
    """12,047 films in the later table, 10,675 of them in the published list."""
    tables = shared_data / "tables"
    (tmp_path / "stage_2_train.csv.gz").write_bytes(
        (tables / "siim-pneumothorax-train-rle.csv.gz").read_bytes()
    )
    splits = {"root": str(tmp_path), "splits": str(tables / "pneumothorax_splits.csv.gz")}
    every = datasets.build("siim_pneumothorax", {"root": str(tmp_path)})
    assert (len(every), sum(film.labels[FINDING] for film in every)) == (12047, 2669)
    counts = {"train": 8646, "validation": 961, "test": 1068}
    assert len(datasets.build("siim_pneumothorax", splits | {"split": "test"})) == counts["test"]
    assert Counter(listed(tables / "pneumothorax_splits.csv.gz").values()) == counts


def test_the_rule_of_the_published_split():
    """It gives the published numbers of films."""
    parts = list(drawn([str(number) for number in range(10675)], 0.1, 1).values())
    counts = {part: parts.count(part) for part in ("train", "validation", "test")}
    assert counts == {"train": 8646, "validation": 961, "test": 1068}


def test_the_sample_s_masks_are_those_that_were_shipped(shared_data):
    """Run lengths of real films, against the masks that other code made of them."""
    root = shared_data / "siim_pneumothorax_320"
    with (root / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    data = {
        film.image_id: film
        for film in datasets.build(
            "siim_pneumothorax", {"root": str(root), "images": str(root / "images")}
        )
    }
    assert len(data) == len(rows) == 54
    for row in rows:
        film = data[row["file"].removeprefix("images/").removesuffix(".png")]
        (mark,) = film.annotations
        assert mark.instances == int(row["n_rle"])
        mask = mark.mask(1024, 1024)
        assert mask.sum() == int(row["mask_area_1024"])
        np.testing.assert_array_equal(mask, marked(root / row["mask"]))
