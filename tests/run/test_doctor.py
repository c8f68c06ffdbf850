"""The doctor finds whatever was damaged, and nothing else, and the same command cures it."""

import shutil
from functools import cached_property

import pytest

from heatproof.disk import sealed
from heatproof.errors import DamagedFile, ExperimentError
from heatproof.experiment.claim import read_claim
from heatproof.experiment.file import load
from heatproof.experiment.workspace import Workspace
from heatproof.run import doctor
from heatproof.run.doctor import examine, unit_tables
from heatproof.run.pipeline import run
from tests.squares import EXPERIMENT, NETWORK, write_films


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    write_films(folder)
    (folder / "network.py").write_text(NETWORK)
    file = folder / "squares.toml"
    file.write_text('output = "out"\ntrust = false\n' + EXPERIMENT.replace("GEOMETRY", "squash"))
    run(load(file))
    return file


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of a run that may be damaged: its experiment, which lies elsewhere, and its folder."""
    shutil.copytree(finished.parent / "out", tmp_path / "out")
    return finished, tmp_path / "out"


def test_a_whole_run_has_no_ailment(copied):
    assert examine(copied[1]) == ()


def test_every_damaged_file_is_found_and_the_same_command_cures_it(copied):
    file, folder = copied
    page = (folder / "report.html").read_bytes()
    damaged = {
        next((folder / "scores").iterdir()),
        next((folder / "predictions").iterdir()),
        folder / "run.json",
        folder / "estimates.parquet",
    }
    for place in damaged:
        place.write_bytes(place.read_bytes()[:-5])
    [array, *_] = sorted(next((folder / "maps").iterdir()).glob("arrays/*"))
    shutil.rmtree(array)
    unfinished = folder / "scores/.x.unfinished"
    unfinished.write_text("half")
    found = examine(folder)
    assert {ailment.place for ailment in found} == {*damaged, array, unfinished}
    assert all(ailment.cure for ailment in found)
    with pytest.warns(DamagedFile, match="made again|makes it again"):
        run(load(file, {"output": str(folder)}))
    assert examine(folder) == ()
    assert (folder / "report.html").read_bytes() == page


def test_a_run_without_an_end_is_told(copied):
    _, folder = copied
    claimed = {**read_claim(folder), "finished": None}
    (folder / "run.json").write_text(sealed(claimed))
    [ailment] = doctor._claim(folder)
    assert "did not get to its report" in ailment.what


def test_a_folder_of_something_else_is_answered(tmp_path):
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(ExperimentError, match="holds no run"):
            examine(folder)


def test_every_kind_of_unit_is_examined():
    properties = [value for value in vars(Workspace).values() if isinstance(value, cached_property)]
    said = [str(value.func.__annotations__["return"]) for value in properties]
    kinds = {text.split(".")[-1].strip("]'>") for text in said if "Units" in text}
    assert kinds
    assert kinds <= {table.__name__ for table in unit_tables()}
