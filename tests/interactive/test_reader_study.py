"""The front door of reader studies says what the analyses behind it say."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import heatproof
from heatproof.errors import DataError
from heatproof.stats.mrmc import figures
from heatproof.stats.mrmc.one_shot import one_shot
from heatproof.stats.mrmc.ratings import Marks, Ratings

READERS, CASES = ("anna", "ben", "chris"), 24


def rows(rng: np.random.Generator, *, holes: bool = False) -> list[tuple]:
    """Ratings in two modalities, of which the first tells cases apart better."""
    return [
        (reader, case, modality, case % 2, rng.normal() + gain * (case % 2))
        for modality, gain in (("with map", 1.5), ("without", 0.5))
        for reader in READERS
        for case in range(CASES)
        if not (holes and (case + len(reader)) % 5 == 0)
    ]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "study.csv"
    lines = [",".join(map(str, row)) for row in rows(np.random.default_rng(0))]
    file.write_text("\n".join(["reader,case,modality,truth,rating", *lines]) + "\n")
    return file


def test_van_dyke_is_as_printed(shared_data) -> None:
    found = heatproof.compare_readers(shared_data / "mrmc/VanDyke.lrc")
    assert found.method == "Obuchowski-Rockette"
    assert "F 4.4563, df 1 and 15.26, p 0.0517" in repr(found)


def test_tables_are_those_of_the_analysis(file) -> None:
    found = heatproof.compare_readers(file, margin=0.1)
    assert found.readers.height == 2 * len(READERS)
    for row in found.means.iter_rows(named=True):
        own = found.readers.filter(found.readers["modality"] == row["modality"])
        assert row["value"] == pytest.approx(own["value"].mean())
    [difference] = found.differences.to_dicts()
    first, second = found.means["value"]
    assert difference["value"] == pytest.approx(first - second)
    assert difference["low"] < difference["value"] < difference["high"]
    assert difference["p_non_inferior"] == found.analysis.differences[0].inference.p_non_inferior(
        0.1
    )


def test_studies_with_holes_are_analysed_in_one_shot() -> None:
    ratings = Ratings.of_columns(*zip(*rows(np.random.default_rng(1), holes=True), strict=True))
    found = heatproof.compare_readers(ratings)
    assert found.method == "one-shot"
    expected = one_shot(figures.auc(ratings), ratings.modalities)
    assert found.means["value"].to_list() == [m.estimate for m in expected.means.values()]
    with pytest.raises(DataError, match="not every reader read every case"):
        heatproof.compare_readers(ratings, random="cases")


def test_marks_with_holes_are_not_taken_for_a_whole_study() -> None:
    rng = np.random.default_rng(2)
    readings = [
        (reader, case, modality, case % 2, rng.normal(), "1" if case % 2 else "")
        for modality in ("with map", "without")
        for reader in READERS
        for case in range(CASES)
        if (case + len(reader)) % 5
    ]
    marks = Marks.of_columns(*zip(*readings, strict=True))
    assert not marks.read.all()
    assert heatproof.compare_readers(marks).method == "one-shot"


def test_one_case_of_a_kind_is_too_few() -> None:
    readings = [(r, c, "x", c, c + r) for r in (1, 2) for c in (0, 1)]
    ratings = Ratings.of_columns(*zip(*readings, strict=True))
    with pytest.raises(DataError, match="at least two positive and two negative cases"):
        heatproof.compare_readers(ratings)


def test_decisions_take_a_threshold(file) -> None:
    low, high = (heatproof.compare_readers(file, "sensitivity", threshold=t) for t in (-1.0, 1.0))
    assert (low.means["value"] > high.means["value"]).all()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"figure": "aucc"}, "did you mean auc"),
        ({"figure": "wafroc"}, "'wafroc' is not one of ratings of cases"),
        ({"random": "case"}, "did you mean cases"),
        ({"margin": 0.0}, "expected a loss above 0"),
    ],
)
def test_mistakes_are_told(file, asked, said) -> None:
    with pytest.raises(DataError, match=said):
        heatproof.compare_readers(file, **asked)


def test_the_command_prints_the_same(file) -> None:
    command = [sys.executable, "-c", "from heatproof.cli import main; main()", "mrmc", str(file)]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert told["means"] == heatproof.compare_readers(file).means.to_dicts()
