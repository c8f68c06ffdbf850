"""A run writes and removes its own files, and nobody else's, whatever the files there say."""

import fcntl
import json

import pytest

from heatproof import disk
from heatproof.errors import DamagedFile, ExperimentError
from heatproof.experiment.claim import claim, finish, read_claim
from heatproof.experiment.file import load
from heatproof.report.writing import _remove_others


@pytest.mark.parametrize(
    "name",
    [
        "../victim",
        "tables/../../victim.csv",
        "figures/../report.svg",
        "report.html",
        "tables/x.parquet",
        "tables/sub/x.csv",
        "tables/\0.csv",
        "figures/" + "x" * 5000 + ".svg",
        "/etc/x.csv",
    ],
)
def test_a_listing_removes_nothing_that_a_report_does_not_write(tmp_path, name):
    folder = tmp_path / "out"
    files = ["../victim", "../victim.csv", "report.svg", "report.html", "tables/x.parquet"]
    for file in [*files, "tables/sub/x.csv"]:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text("precious")
    (folder / ".paper").write_text(f"{name}\ntables/old.csv\n")
    (folder / "tables/old.csv").write_text("of an earlier report")
    _remove_others(folder, ["tables/new.csv"])
    assert all((folder / file).read_text() == "precious" for file in files)
    assert not (folder / "tables/old.csv").exists()
    assert (folder / ".paper").read_text() == "tables/new.csv\n"


def test_a_listing_that_is_no_text_removes_nothing(tmp_path):
    (tmp_path / ".paper").write_bytes(b"\xff\xfe\0")
    _remove_others(tmp_path, [])
    assert (tmp_path / ".paper").read_text() == "\n"


def test_a_link_out_of_the_folder_is_refused(squares, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    experiment = load(squares)
    claim(experiment)
    (squares.parent / "out/tables").symlink_to(elsewhere)
    with pytest.raises(ExperimentError, match=r"is a link to .*elsewhere, outside"):
        claim(experiment)


def test_what_a_killed_run_left_is_removed_and_what_is_being_written_is_not(squares):
    experiment = load(squares)
    folder = experiment.output_folder
    for name in ("scores/.a.unfinished", "models/m/.123.unfinished", "scores/a.unfinished"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("half")
    with disk.replacing(folder / "scores/b.parquet") as being_written:
        being_written.write_text("more")
        claim(experiment)
        assert being_written.exists()
    left = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    assert left == {
        "scores/a.unfinished",
        "scores/b.parquet",
        "run.json",
    }  # the first is no name of ours


def test_a_file_takes_its_place_whole_or_not_at_all(tmp_path):
    file = tmp_path / "new" / "file"
    disk.write_whole(file, "old")
    with pytest.raises(ZeroDivisionError), disk.replacing(file) as unfinished:
        unfinished.write_text(str(1 / 0))
    assert file.read_text() == "old"
    assert list(file.parent.iterdir()) == [file]
    with disk.replacing(file) as unfinished, unfinished.open("rb") as same:
        unfinished.write_bytes(b"new")
        with pytest.raises(BlockingIOError):
            fcntl.flock(same, fcntl.LOCK_EX | fcntl.LOCK_NB)  # its writer holds it
    assert file.read_bytes() == b"new"


def test_the_claim_says_what_when_and_with_what(squares):
    experiment = load(squares)
    claim(experiment)
    before = read_claim(experiment.output_folder)
    assert before["experiment"] == "Squares"
    assert before["finished"] is None
    assert set(before["versions"]) >= {"heatproof", "python", "torch"}
    finish(experiment.output_folder, {"films": "abc"})
    after = read_claim(experiment.output_folder)
    assert after["data"] == {"films": "abc"}
    assert after["finished"] >= after["begun"]
    claim(experiment)
    again = read_claim(experiment.output_folder)
    assert again["settings"] == before["settings"]
    assert again["first_begun"] == before["first_begun"]
    squares.write_text(squares.read_text().replace("resamples = 100", "resamples = 200"))
    claim(load(squares))
    assert read_claim(experiment.output_folder)["settings"] != before["settings"]


def test_the_folder_of_another_experiment_is_refused(squares):
    claim(load(squares))
    squares.write_text(squares.read_text().replace('name = "Squares"', 'name = "Circles"', 1))
    with pytest.raises(
        ExperimentError, match=r"holds the results of .*'Squares', not of 'Circles'"
    ):
        claim(load(squares))


@pytest.mark.parametrize("content", [{"run": 1}, [1, 2], "text"])
def test_the_folder_of_another_program_is_refused(squares, content):
    folder = load(squares).output_folder
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(content))
    with pytest.raises(ExperimentError, match="another program's"):
        claim(load(squares))
    assert json.loads((folder / "run.json").read_text()) == content


def test_a_damaged_claim_is_told_and_made_again(squares):
    experiment = load(squares)
    claim(experiment)
    file = experiment.output_folder / "run.json"
    good = file.read_text()
    swapped = disk.sealed({"findings": ["Square"]})  # whole and sealed, as a card of a model is
    for content in ("", "{", good.replace("Squares", "Circles"), "[" * 100_000, swapped):
        file.write_text(content)
        with pytest.warns(DamagedFile, match="makes it again"):
            claim(experiment)
        assert read_claim(experiment.output_folder)["experiment"] == "Squares"
