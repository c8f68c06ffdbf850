"""PhysioNet's folder, written with phantoms; and the published boxes of 15,000 films."""

from collections import Counter

import numpy as np
import pytest

from heatproof.data.check import check
from heatproof.data.datasets import datasets
from heatproof.data.on_disk import (
    VINDR,
    box_mask,
    boxes_of,
    grey,
    is_positive,
    phantoms,
    vindr_name,
    write_csv,
    write_vindr,
)
from heatproof.errors import DataError

FINDING = "Nodule/Mass"


@pytest.fixture
def films():
    return phantoms(8)


@pytest.fixture
def root(tmp_path, films):
    write_vindr(tmp_path / "vindr", films)
    return tmp_path / "vindr"


def opened(root, **options):
    return datasets.build("vindr_cxr", {"root": root.name, **options}, root.parent)


def test_readers_are_sources_and_labels_are_votes(root, films):
    data = opened(root)
    assert check(data) == ()
    assert data.findings == (FINDING, "Tuberculosis")
    positive = [number for number, film in enumerate(films) if is_positive(film)]
    for number, (read, film) in enumerate(zip(data, films, strict=True)):
        assert read.image_id == vindr_name(number)
        np.testing.assert_allclose(read.pixels.read(), grey(film) / 255, atol=1e-6)
        sources = {mark.source: mark for mark in read.annotations}
        readers = 0 if number not in positive else 1 if number == positive[0] else 2
        assert list(sources) == ["R1", "R2"][:readers]
        for mark in read.annotations:
            assert mark.instances == len(boxes_of(film))
            np.testing.assert_array_equal(mark.mask(64, 64), box_mask(boxes_of(film)))
        # Of three readers, two are enough, and one is neither enough nor none.
        assert read.labels == {FINDING: [False, None, True][readers], "Tuberculosis": None}


def test_what_readers_agree_on(root, films):
    positive = [number for number, film in enumerate(films) if is_positive(film)]
    majority = opened(root, consensus="majority", readers=False)
    for number, (read, film) in enumerate(zip(majority, films, strict=True)):
        assert len(read.annotations) == (number in positive[1:])
        for mark in read.annotations:
            assert mark.source == "reference"
            np.testing.assert_array_equal(mark.mask(64, 64), box_mask(boxes_of(film)))
    union = opened(root, consensus="union")
    sources = Counter(mark.source for film in union for mark in film.annotations)
    assert sources == {"reference": len(positive), "R1": len(positive), "R2": len(positive) - 1}
    assert {film.labels["Tuberculosis"] for film in union} == {True}
    every = opened(root, consensus="intersection", readers=False)
    assert not any(film.annotations for film in every)


def test_readers_of_the_test_films_agreed_before(root, films):
    data = opened(root, split="test", consensus="majority")
    assert check(data) == ()
    for read, film in zip(data, films, strict=True):
        assert read.labels == {FINDING: is_positive(film)} or not is_positive(film)
        assert [mark.source for mark in read.annotations] == ["reference"] * is_positive(film)


def test_every_problem_of_the_tables_is_told(root):
    rows = [
        ("a", "R1", "Mass", 1, 2, 1, 4),
        ("a", "", "Mass", 1, 2, 3, 4),
        ("a", "R1", "No finding", 1, 2, 3, 4),
        ("a", "R1", "Mass", "", "", "", ""),
    ]
    write_csv(root / "annotations" / "annotations_train.csv", [VINDR, *rows])
    with pytest.raises(DataError) as told:
        opened(root)
    text = str(told.value)
    assert "4 problems" in text
    for line, column in ((2, "x_max"), (3, "rad_id"), (4, "x_min"), (5, "x_min")):
        assert f"line {line}, column {column!r}" in text
    with pytest.raises(DataError, match=r"expected root = the folder of VinDr-CXR"):
        datasets.build("vindr_cxr", {"root": str(root / "train")})


def test_a_row_of_labels_without_a_film_is_told(root):
    table = root / "annotations" / "image_labels_train.csv"
    header, first, *rest = table.read_text().splitlines()
    nameless = "," + first.partition(",")[2]
    table.write_text("\n".join([header, nameless, *rest]))
    with pytest.raises(DataError, match=r"line 2, column 'image_id': found ''"):
        opened(root)


@pytest.mark.slow
def test_the_published_counts(shared_data, tmp_path):
    """15,000 films by three readers each, 36,096 boxes of 14 findings, 10,606 films of none."""
    table = shared_data / "annotations_only" / "vinbigdata-train.csv.gz"
    (tmp_path / "train.csv.gz").write_bytes(table.read_bytes())
    data = datasets.build("vindr_cxr", {"root": str(tmp_path)})
    assert (len(data), len(data.findings)) == (15000, 14)
    assert {film.metadata["readers"] for film in data} == {3.0}
    assert sum(mark.instances for film in data for mark in film.annotations) == 36096
    assert sum(not film.annotations for film in data) == 10606
    # Independently: the films on which two readers or more marked the finding.
    said = Counter(len(film.annotations) for film in data)
    assert said[0] == 10606
    votes = Counter()
    for film in data:
        readers = {mark.source for mark in film.annotations if mark.finding == "Cardiomegaly"}
        votes[film.labels["Cardiomegaly"], len(readers)] += 1
    assert {*votes} <= {(False, 0), (None, 1), (True, 2), (True, 3)}
