"""Tables of readings, and what is wrong with them; files there and back."""

from pathlib import Path

import numpy as np
import pytest

from heatproof.errors import DataError
from heatproof.stats.mrmc.files import read, write_imrmc
from heatproof.stats.mrmc.ratings import UNMARKED, Marks, Ratings
from tests.stats.mrmc.studies import drawn

ROWS = [("r2", "c10", "a", 1, 3.0), ("r2", "c9", "a", 0, 1.0), ("r10", "c9", "a", 0, None)]


def columns(rows: list[tuple]) -> list[tuple]:
    return list(zip(*rows, strict=True))


def test_names_are_sorted_as_people_sort_them():
    study = Ratings.of_columns(*columns([*ROWS, ("r10", "c10", "a", 1, 2.0)]))
    assert (study.readers, study.cases) == (("r2", "r10"), ("c9", "c10"))
    np.testing.assert_array_equal(study.values, [[[1, 3], [np.nan, 2]]])
    assert study.truth.tolist() == [False, True]
    assert not study.is_factorial


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("r2", "c9", "a", 1, 1.0), "both False and True"),
        (("r2", "c9", "a", 0, 2.0), "rated case 'c9' twice"),
        (("r2", "c8", "a", 2, 2.0), "expected 0 or 1"),
        (("r2", "c8", "a", 0, "high"), "expected a number"),
    ],
)
def test_contradictions_are_told(row, words):
    with pytest.raises(DataError, match=words):
        Ratings.of_columns(*columns([*ROWS, row]))


def test_marks_find_their_lesions():
    rows = [
        ("r", "a", "m", 2, 4.0, "upper"),
        ("r", "a", "m", 2, 2.0, "upper"),
        ("r", "a", "m", 2, 3.0, None),
        ("r", "b", "m", 0, 1.0, ""),
        ("r", "c", "m", 0, None, None),
    ]
    study = Marks.of_columns(*columns(rows))
    assert study.lesions[0, 0, 0].tolist() == [4.0, UNMARKED]
    assert study.highest_false[0, 0].tolist() == [3.0, 1.0, UNMARKED]
    assert study.weights.tolist() == [[0.5, 0.5], [0, 0], [0, 0]]
    assert study.read.all()
    with pytest.raises(DataError, match="2 lesions of case 'b' were hit"):
        Marks.of_columns(
            *columns([*rows, ("r", "b", "m", 0, 1.0, "x"), ("r", "b", "m", 0, 1.0, "y")])
        )


def test_imrmc_files_go_there_and_back(tmp_path):
    study = drawn(1, holes=0.2)
    write_imrmc(tmp_path / "study.imrmc", study)
    again = read(tmp_path / "study.imrmc")
    np.testing.assert_array_equal(again.values, study.values)
    assert (again.truth == study.truth).all()
    assert again.readers == study.readers
    commas = Ratings(study.values, study.truth, ("a,b", "c"), study.readers, study.cases)
    with pytest.raises(DataError, match="has a comma"):
        write_imrmc(tmp_path / "no.imrmc", commas)


def test_three_formats_of_vandyke_are_one_study(shared_data):
    folder = shared_data / "mrmc"
    lrc, imrmc = read(folder / "VanDyke.lrc"), read(folder / "VanDyke.imrmc")
    np.testing.assert_array_equal(lrc.values, imrmc.values)
    assert lrc.values.shape == (2, 5, 114)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.imrmc", "x\ntruth,c,truth,0\n", "no line says BEGIN DATA"),
        ("a.imrmc", "BEGIN DATA:\nr,c,m\n", "line 2"),
        ("a.imrmc", "BEGIN DATA:\nr,c,m,1\n", "case 'c' has no truth"),
        ("a.lrc", "title\n1\n", "quoted names"),
        ("a.lrc", 'title\n1\n"a" "b"\nL L\n1 2 case\n', r"no line \* ends the normal"),
        ("a.lrc", 'title\n1\n"a" "b"\nL L\n1 case\n*\n*\n', "found 'case'"),
        ("a.csv", "reader,case,rating\n", "is empty|no column|no row"),
    ],
)
def test_damaged_files_are_told(tmp_path: Path, name, text, words):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=words):
        read(tmp_path / name)


def test_small_ratings_are_suspicious_where_the_file_says_so(tmp_path):
    text = 'title\n1\n"a" "b"\nL S\n1 2 case\n*\n3 4 case\n*\n#\n'
    (tmp_path / "a.lrc").write_text(text, encoding="utf-8")
    assert read(tmp_path / "a.lrc").values.tolist() == [[[1, 3]], [[-2, -4]]]
