"""Maps that do not stay: the results are those of maps that do, to the last digit."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from heatproof.errors import ExperimentError, MapError
from heatproof.experiment.file import load
from heatproof.experiment.workspace import open_workspace
from heatproof.run import pipeline
from heatproof.run.pipeline import run
from heatproof.runs.folder import open_run
from heatproof.stages import blocks, passing
from tests.run.test_pipeline import Counting
from tests.squares import write_films

ASKED_LATER = """
[score]
metrics = ["auprc", "hit_rate", "px_ap"]
structures = ["Square"]

[trust]
criteria = ["flip"]
side = 32
images = 2

[fidelity]
metrics = ["deletion(steps=4)"]
images = 2
"""


def in_small_blocks(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for room in (blocks, pipeline):
        monkeypatch.setattr(room, "BLOCK", 4)
    write_films(file.parent, count=16)


@pytest.fixture
def asked(squares: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Squares in several blocks, with trust and fidelity."""
    in_small_blocks(squares, monkeypatch)
    squares.write_text(squares.read_text() + ASKED_LATER)
    return squares


def kept(file: Path, keep: str, **more: str) -> Path:
    """The folder of a run that keeps these maps."""
    text = file.read_text().replace("[explain]\n", f'[explain]\nkeep = "{keep}"\n')
    for before, after in more.items():
        text = text.replace(before, after)
    other = file.with_name(f"{keep}.toml")
    other.write_text(text)
    return run(load(other, {"output": str(file.parent / keep)})).parent


def tables(folder: Path) -> dict[str, pl.DataFrame]:
    return {file.stem: pl.read_parquet(file) for file in sorted(folder.glob("*.parquet"))}


def assert_equal(folder: Path, other: Path) -> None:
    expected, found = tables(folder), tables(other)
    assert expected.keys() == found.keys()
    assert {"scores", "trust", "fidelity", "structures", "estimates", "verdicts"} <= expected.keys()
    for name, table in expected.items():
        assert table.equals(found[name], null_equal=True), name


def films_with_maps(folder: Path) -> set[str]:
    return set(open_run(folder).maps["image_id"])


@pytest.mark.slow
def test_what_is_kept_changes_no_number(asked):
    whole, sampled, none = (kept(asked, keep) for keep in ("all", "sampled", "none"))
    assert_equal(whole, sampled)
    assert_equal(whole, none)
    films = pl.read_parquet(whole / "films.parquet")
    work = open_workspace(load(asked.with_name("sampled.toml")))
    later = work.store("films").films
    assert later is not None
    assert 2 <= len(later) <= 4 < len(films)
    assert films_with_maps(sampled) == set(later) & films_with_maps(whole)
    assert not films_with_maps(none)
    assert not list((none / "maps").rglob("arrays"))
    for folder, said in ((sampled, "no others can be exported"), (none, "no map can be exported")):
        assert said in (folder / "report.html").read_text()
    with pytest.raises(MapError, match="let go of"):
        open_run(none).map("f9", "Square", "grad_cam")


@pytest.mark.slow
def test_a_second_run_makes_nothing_and_a_later_question_is_answered(asked):
    folder = kept(asked, "none")
    page = (folder / "report.html").read_bytes()
    counting = Counting()
    run(load(asked.with_name("none.toml"), {"output": str(folder)}), progress=counting)
    assert not any(counting.done[stage] for stage in ("explain", "score", "trust", "fidelity"))
    assert (folder / "report.html").read_bytes() == page
    more = {'"flip"': '"flip", "input_noise"'}
    assert_equal(kept(asked, "all", **more), kept(asked, "none", **more))


@pytest.mark.slow
def test_a_run_that_ends_between_maps_and_scores_goes_on(squares, monkeypatch):
    in_small_blocks(squares, monkeypatch)
    calls = []

    def fails_once(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return score(*arguments)

    score = passing.score
    monkeypatch.setattr(passing, "score", fails_once)
    with pytest.raises(KeyboardInterrupt):
        kept(squares, "none")
    folder = kept(squares, "none")
    made = {file: file.stat().st_mtime_ns for file in (folder / "made").iterdir()}
    whole = kept(squares, "all")
    assert pl.read_parquet(folder / "scores.parquet").equals(
        pl.read_parquet(whole / "scores.parquet"), null_equal=True
    )
    kept(squares, "none")
    assert {file: file.stat().st_mtime_ns for file in (folder / "made").iterdir()} == made


def test_fewer_bits_are_stored_and_scored(squares):
    text = squares.read_text()
    squares.write_text(text.replace("[explain]\n", "[explain]\nprecision = 6\n"))
    folder = run(load(squares), until="explain").parent
    (array,) = list((folder / "maps").rglob("zarr.json"))[:1]
    work = open_workspace(load(squares))
    store = work.store("films")
    values = np.stack([store.get(key).values for key in store if key.method == "grad_cam"])
    mantissas = np.frexp(values)[0] * 2**6
    assert (mantissas == np.round(mantissas)).all()
    assert array.exists()
    squares.write_text(text)
    run(load(squares), until="explain")
    values = np.stack([store.get(key).values for key in store if key.method == "grad_cam"])
    mantissas = np.frexp(values)[0] * 2**6
    assert (mantissas != np.round(mantissas)).any()  # another precision, other maps


def test_what_needs_maps_twice_is_refused(squares):
    text = squares.read_text().replace("[explain]\n", '[explain]\nkeep = "none"\n')
    maps = '\n[[maps]]\nname = "theirs"\nimporter = "npy"\nfolder = "."\nmethod = "x"\n'
    maps += 'id = { architecture = "x" }\n'
    squares.write_text(text + maps + 'data = "films"\n')
    with pytest.raises(ExperimentError, match="imports maps"):
        open_workspace(load(squares))
    squares.write_text(text + '\n[score]\nmetrics = ["iou(binarize=tuned)"]\ntune = "films"\n')
    with pytest.raises(ExperimentError, match="maps of all models"):
        open_workspace(load(squares))
