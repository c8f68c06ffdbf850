"""Commands about runs: what they print, and what they leave."""

import json
import shutil

import pytest
import typer
from typer.testing import CliRunner

import heatproof
from heatproof.cli.runs import add_to
from heatproof.errors import ExperimentError
from tests.runs.conftest import runs  # noqa: F401  # a fixture

app = typer.Typer()
add_to(app)


def said(*words: str) -> str:
    found = CliRunner().invoke(app, words, catch_exceptions=False)
    assert found.exit_code == 0
    return found.stdout


def test_runs_are_listed(runs, monkeypatch) -> None:  # noqa: F811
    listed = json.loads(said("runs", str(runs[0].parents[1]), "--json"))
    assert {run["folder"] for run in listed} == set(map(str, runs))
    assert {run["state"] for run in listed} == {"finished"}
    monkeypatch.setenv("COLUMNS", "300")
    assert "Squares" in said("runs", str(runs[0].parents[1]))
    monkeypatch.setenv("COLUMNS", "80")  # nothing is cut off on a narrow terminal
    assert "…" not in said("runs", str(runs[0].parents[1]))
    assert "…" not in said("compare", *map(str, runs))
    assert "no run lies below" in said("runs", str(runs[0] / "maps"))


def test_two_are_compared(runs, tmp_path, monkeypatch) -> None:  # noqa: F811
    page = tmp_path / "compared.html"
    monkeypatch.setenv("COLUMNS", "300")
    shown = said("compare", *map(str, runs), "--html", str(page))
    assert "score.metrics" in shown
    assert "score.metrics" in page.read_text()
    compared = json.loads(said("compare", *map(str, runs), "--json"))
    assert set(compared) == {"settings", "scores", "verdicts"}


def test_one_is_exported_and_cleared(runs, tmp_path) -> None:  # noqa: F811
    folder = tmp_path / "copy"
    shutil.copytree(runs[0], folder)
    assert said("export", str(folder), "--to", str(tmp_path / "out")).strip().endswith("out")
    assert (tmp_path / "out" / "columns.csv").is_file()
    assert (tmp_path / "out" / "maps.npy.csv").is_file()
    with pytest.raises(ExperimentError, match="say what to remove: --maps, --prepared"):
        said("rm", str(folder))
    said("rm", str(folder), "--maps")
    assert not (folder / "maps").exists()
    assert heatproof.open(folder).tables == heatproof.open(runs[0]).tables
    assert heatproof.open(folder).maps.is_empty()
