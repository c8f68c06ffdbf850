"""Both layouts of MURA, written with phantoms; and the published marks of three radiologists."""

import gzip
from collections import Counter

import numpy as np
import pytest

from heatproof.data.annotations.formats.via import read_via
from heatproof.data.check import check
from heatproof.data.datasets import datasets
from heatproof.data.on_disk import (
    REGIONS,
    VIA,
    box_mask,
    boxes_of,
    grey,
    is_positive,
    mura_names,
    phantoms,
    write_csv,
    write_mura,
    write_mura_readers,
)
from heatproof.errors import DataError

FINDING = "Abnormality"


@pytest.fixture
def films():
    return phantoms(12)


@pytest.fixture(params=["tree", "renamed"])
def root(tmp_path, films, request):
    write_mura(tmp_path / "mura", films, renamed=request.param == "renamed")
    write_mura_readers(tmp_path / "mura" / "annotations", films)
    return tmp_path / "mura"


def opened(root, **options):
    return datasets.build("mura", {"root": root.name, **options}, root.parent)


def test_films_labels_patients_and_studies(root, films):
    data = opened(root)
    assert check(data) == ()
    read = {film.image_id: film for film in data}
    assert sorted(read) == sorted(mura_names(films))
    for name, film in zip(mura_names(films), films, strict=True):
        assert read[name].labels == {FINDING: is_positive(film)}
        assert read[name].patient_id == f"p{film.patient_id[-5:]}"
        assert read[name].study_id == name.rpartition("_image")[0]
        assert read[name].metadata["region"] in REGIONS
        np.testing.assert_allclose(read[name].pixels.read(), grey(film) / 255, atol=1e-6)


def test_readers_and_what_two_of_three_agree_on(root, films):
    read = {film.image_id: film for film in opened(root)}
    *agreed, last = [
        (name, film) for name, film in zip(mura_names(films), films, strict=True)
        if is_positive(film)
    ]  # fmt: skip
    assert len(agreed) > 2
    for name, film in agreed:
        marks = {mark.source: mark for mark in read[name].annotations}
        assert list(marks) == ["reference", "rad1", "rad2", "rad3"]
        np.testing.assert_array_equal(marks["rad1"].mask(64, 64), box_mask(boxes_of(film)))
        np.testing.assert_array_equal(marks["reference"].mask(64, 64), box_mask(boxes_of(film)))
        assert read[name].metadata["consensus"] == "agreed"
        assert read[name].metadata["subgroup"] == "hardware/fracture"
    inconclusive = read[last[0]]
    assert [mark.source for mark in inconclusive.annotations] == ["rad1", "rad3"]
    assert inconclusive.metadata["consensus"] == "inconclusive"
    assert inconclusive.labels == {FINDING: True}
    assert "subgroup" not in inconclusive.metadata


def test_consensus_and_readers_are_options(root):
    alone = opened(root, readers=False)
    assert {mark.source for film in alone for mark in film.annotations} == {"reference"}
    none = opened(root, consensus="none")
    assert {mark.source for film in none for mark in film.annotations} == {"rad1", "rad2", "rad3"}
    union = opened(root, consensus="union", readers=False)
    for film, more in zip(alone, union, strict=True):
        for one, other in zip(film.annotations, more.annotations, strict=False):
            assert other.mask(64, 64).sum() == one.mask(64, 64).sum() + 6
    assert not any(
        film.annotations for film in opened(root, consensus="intersection", readers=False)
    )


def test_parts_regions_and_lists(root, films, tmp_path):
    names = mura_names(films)
    assert {film.image_id for film in opened(root, split="train")} == {*names[::4]}
    wrists = opened(root, regions=["WRIST"])
    assert {film.metadata["region"] for film in wrists} == {"WRIST"}
    # As published: the place in another list and the subgroup follow the name.
    (tmp_path / "list.txt").write_text(f"{names[5]}.png, 0, hardware/fracture\n{names[1]}.png\n")
    assert [film.image_id for film in opened(root, films="list.txt")] == [names[5], names[1]]
    (tmp_path / "list.txt").write_text(f"{names[5]}.png\nvalid_HAND_p99999_s1_image1.png\n")
    with pytest.raises(DataError, match=r"1 of 2 films are not in .*p99999"):
        opened(root, films="list.txt")
    with pytest.raises(DataError, match=r"no region 'WRST'; did you mean WRIST"):
        opened(root, regions=["WRST"])


def test_wrong_folders_and_tables_are_told(tmp_path, films):
    with pytest.raises(DataError, match=r"root = the folder MURA-v1.1"):
        datasets.build("mura", {"root": str(tmp_path)})
    write_mura(tmp_path, films, renamed=True)
    with pytest.raises(DataError, match=r"has no table such as rad1_annotations"):
        datasets.build("mura", {"root": str(tmp_path), "annotations": str(tmp_path / "images")})
    rows = [("Image", "Positive"), ("a.png", 1), ("valid_HAND_p1_s1_image1.png", "maybe")]
    write_csv(tmp_path / "labels.csv", rows)
    with pytest.raises(DataError, match=r"(?s)2 problems.*line 2, column 'Image'.*line 3.*'maybe'"):
        datasets.build("mura", {"root": str(tmp_path)})


def test_two_films_of_one_name_are_told(tmp_path, films):
    write_mura(tmp_path, films, renamed=True)
    first = min((tmp_path / "images").glob("[!.]*.png"))
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / first.name).write_bytes(first.read_bytes())
    with pytest.raises(DataError, match=f"two files are of film '{first.stem}'"):
        datasets.build("mura", {"root": str(tmp_path)})


def test_every_problem_of_marks_is_told(tmp_path):
    cells = ['{"name":"circle","cx":1}', '{"name":"rect","x":1,"y":2,"width":0,"height":4}', "{"]
    rows = [("a.png", 1, "{}", 1, 0, cell, "{}") for cell in cells]
    write_csv(tmp_path / "rad1_annotations.csv", [VIA, *rows])
    with pytest.raises(
        DataError, match=r"(?s)3 problems.*line 2, .*line 3, .*line 4, .*JSON object"
    ):
        read_via(tmp_path / "rad1_annotations.csv")


@pytest.fixture(scope="module")
def published(shared_data, tmp_path_factory):
    """The films of the published marks, without their pixels."""
    root = tmp_path_factory.mktemp("mura")
    lists = shared_data / "tables" / "mura_splits"
    for path in lists.glob("*.gz"):
        (root / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    abnormal = set((root / "test_100_pos.txt").read_text().split())
    names = (root / "test_100.txt").read_text().split()
    rows = [(name, int(name in abnormal)) for name in names]
    write_csv(root / "labels.csv", [("Image", "Positive"), *rows])
    return root, shared_data / "annotations_only" / "mura_3readers"


@pytest.mark.slow
def test_published_counts_of_films_and_of_inconclusive_ones(published):
    root, marks = published
    data = datasets.build("mura", {"root": str(root), "annotations": str(marks)})
    assert len(data) == 1311
    assert sum(film.labels[FINDING] for film in data) == 638
    assert len({film.patient_id for film in data}) == 314
    assert len({film.study_id for film in data}) == 496
    told = Counter(film.metadata.get("consensus") for film in data)
    assert told == {"agreed": 588, "inconclusive": 50, None: 673}
    agreed = {film.image_id for film in data if film.metadata.get("consensus") == "agreed"}
    listed = (root / "saliency_test_set.txt").read_text().splitlines()
    assert agreed == {line.partition(".png")[0] for line in listed}
    subgroups = Counter(film.metadata.get("subgroup") for film in data)
    assert (subgroups["hardware/fracture"], subgroups["arthritis"]) == (367, 197)


@pytest.mark.slow
def test_published_lists_keep_their_films(published):
    root, marks = published
    options = {"root": str(root), "annotations": str(marks)}
    for name, count in {"test_100_pos": 638, "cascade_test_set": 100}.items():
        films = datasets.build("mura", options | {"films": str(root / f"{name}.txt")})
        assert len(films) == count
    everyone = [
        mark.source for film in datasets.build("mura", options) for mark in film.annotations
    ]
    # Readers who marked something on 638 films: 23 and 156 rows of them have no region.
    assert Counter(everyone) == {"reference": 588, "rad1": 615, "rad2": 482, "rad3": 638}
