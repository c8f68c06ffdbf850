"""The tutorial runs from its first cell to its last, and shows what its text says."""

import runpy

import pytest

from tests.conftest import ROOT


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of Jupyter
def test_the_notebook_runs_and_results_show_themselves(tmp_path):
    pytest.importorskip("nbclient", reason="nbclient, which runs notebooks, is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel, in which notebooks run, is not installed")
    tutorial = runpy.run_path(str(ROOT / "docs/tutorial.py"))
    notebook = tutorial["executed"](tmp_path)
    shown = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            shown[cell["source"].splitlines()[-1]] = output["data"]
    for name in ("e", "heat"):  # the film, its maps, and a slider for their opacity
        assert 'type="range"' in shown[name]["text/html"]
    assert shown["e"]["text/html"].count("<figure") == 4
    assert 'href="runs/tutorial/report.html"' in shown["proof"]["text/html"]
    assert "AUROC" in shown["proof"]["text/plain"]
    assert "finished" in shown["run"]["text/html"]
    assert "<table" in shown['run["scores"]']["text/html"]
    written = ("overlay.png", "maps", "masks", "runs/tutorial/report.html")
    assert all((tmp_path / name).exists() for name in written)
    # What the file shows is what this version gives, but for digits.
    kept = tutorial["nbformat"].read(tutorial["NOTEBOOK"], 4).cells
    assert kinds(kept) == kinds(notebook.cells)


def kinds(cells):
    """The kinds of the results that each cell shows."""
    return [[sorted(out["data"]) for out in cell.get("outputs", ())] for cell in cells]
