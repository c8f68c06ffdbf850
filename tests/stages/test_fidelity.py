"""Fidelity as a stage of a run: the stored maps, the model asked again, and what the page says."""

import polars as pl
import pytest
import torch

import heatproof
from heatproof.errors import SpecError
from heatproof.experiment.file import load
from heatproof.run.pipeline import run

SPECS = ["deletion(steps=4)", "max_sensitivity(samples=2)"]


def asking(squares, text: str = ""):
    squares.write_text(f"{squares.read_text()}\n[fidelity]\nmetrics = {SPECS}\n{text}\n")
    return squares


def test_values_are_those_of_the_call_for_what_is_in_memory(squares):
    out = run(load(asking(squares))).parent
    rows = pl.read_parquet(out / "fidelity.parquet")
    films = pl.read_csv(squares.parent / "films.csv", infer_schema_length=None)
    # Every other film shows the finding, and the first pair of films is not judged.
    assert set(rows["image_id"]) == {f"f{number}" for number in range(3, 12, 2)}
    assert set(rows["metric"]) == set(SPECS)
    scope: dict = {"torch": torch}
    exec((squares.parent / "network.py").read_text(), scope)
    model = heatproof.Adapted(
        *(scope["build"](), "features", ["Square"]),
        heatproof.Preprocessing(heatproof.Squash(64, 64), 1, (0.0,), (1.0,)),
    )
    image = rows["image_id"][0]
    [file] = films.filter(pl.col("id").cast(pl.String) == image)["file"]
    methods = rows["method"].unique().to_list()
    answer = heatproof.measure_fidelity(model, squares.parent / file, methods, SPECS)
    columns = ["method", "metric", "value", "chance"]
    own = rows.filter(pl.col("image_id") == image).select(columns).sort("method", "metric")
    other = answer.films.select(columns).sort("method", "metric")
    for name in ("value", "chance"):
        assert own[name].to_list() == pytest.approx(other[name].to_list(), abs=1e-5, nan_ok=True)
    page = (out / "report.html").read_text()
    assert "Are the maps true to the model?" in page
    assert "Truer than chance by" in (out / "tables" / "fidelity.csv").read_text()


def test_what_is_measured_is_not_measured_again(squares, monkeypatch):
    file = asking(squares, "images = 2")
    out = run(load(file)).parent
    assert pl.read_parquet(out / "fidelity.parquet")["image_id"].n_unique() <= 2
    units = sorted((out / "fidelity").iterdir())
    times = [unit.stat().st_mtime_ns for unit in units]
    monkeypatch.setattr("heatproof.stages.fidelity.measure", None)
    run(load(file))
    assert [unit.stat().st_mtime_ns for unit in sorted((out / "fidelity").iterdir())] == times


def test_nothing_is_said_where_nothing_was_asked(squares):
    out = run(load(squares)).parent
    assert not (out / "fidelity.parquet").exists()
    assert "true to the model?" not in (out / "report.html").read_text()


def test_a_metric_that_does_not_exist_is_refused_before_work_starts(squares):
    squares.write_text(f"{squares.read_text()}\n[fidelity]\nmetrics = ['deltion']\n")
    with pytest.raises(SpecError, match="did you mean deletion"):
        run(load(squares))
    assert not (squares.parent / "out").exists()
