"""What a run got wrong goes to readers, who say what its maps point at."""

import numpy as np
import polars as pl
import pytest

import heatproof
from heatproof.errors import ExperimentError
from heatproof.experiment.file import load as load_experiment
from heatproof.maps import render
from heatproof.reading.cases import Cases
from heatproof.reading.export import export
from heatproof.reading.serving import opened
from heatproof.reading.study import load
from heatproof.run.pipeline import run
from tests.reading.conftest import Browser, server
from tests.squares import EXPERIMENT, NETWORK, write_films

STUDY = """
name = "Failures"

[films]
dataset = "manifest"
csv = "films.csv"
image = "file"
id = "id"
patient = "patient"
labels = ["Square"]
boxes = "boxes"

[[maps]]
name = "secret-method"
run = "runs/squares"
method = "grad_cam"
model = "bright"

[[readers]]
name = "Ada"

[[tasks]]
name = "What does it point at?"
kind = "failures"
finding = "Square"
shows = ["secret-method"]
run = "runs/squares"
places = ["corner", "edge", "square"]
outcomes = [OUTCOMES]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    place = tmp_path_factory.mktemp("project")
    write_films(place)
    (place / "network.py").write_text(NETWORK)
    text = EXPERIMENT.replace("GEOMETRY", "letterbox")
    (place / "squares.toml").write_text("trust = false\n" + text)
    run(load_experiment(place / "squares.toml"))
    return place


def study(project, *outcomes: str):
    path = project / "study.toml"
    path.write_text(STUDY.replace("OUTCOMES", ", ".join(f'"{each}"' for each in outcomes)))
    return load(path)


@pytest.mark.slow
def test_films_are_those_that_came_out_so(project):
    predicted = heatproof.open(project / "runs/squares")["predictions"].frame
    films: dict[str, set[str]] = {}
    for row in predicted.iter_rows(named=True):
        if row["label"] is not None and row["threshold"] is not None:
            called = row["probability"] >= row["threshold"]
            truth = "true" if called == row["label"] else "false"
            kind = f"{truth} {'positive' if called else 'negative'}"
            films.setdefault(kind, set()).add(row["image_id"])
    assert films
    for kind, expected in films.items():
        cases = Cases.open(study(project, kind))
        assert set(cases.films_of(cases.study.tasks[0])) == expected
    absent = {"true positive", "false positive", "true negative", "false negative"} - set(films)
    if absent:
        with pytest.raises(ExperimentError, match="has no film"):
            Cases.open(study(project, *absent))


@pytest.mark.slow
def test_a_map_suggests_what_its_model_calls(project):
    cases = Cases.open(study(project, "true positive", "true negative"))
    predicted = heatproof.open(project / "runs/squares")["predictions"].frame
    expected = {
        row["image_id"]: row["probability"] >= row["threshold"]
        for row in predicted.iter_rows(named=True)
        if row["threshold"] is not None
    }
    assert expected
    assert cases.suggestions("secret-method", "Square") == expected


@pytest.mark.slow
def test_readers_say_what_the_map_of_the_run_points_at(project, tmp_path):
    room = opened(
        study(project, "true positive", "true negative", "false positive", "false negative")
    )
    ada = Browser(server(room), room.ledger.new_token("Ada"))
    reading = room.of_reader["Ada"][0]
    shown = ada.client.get(f"/api/map/{reading.id}")
    made = heatproof.open(project / "runs/squares").map(reading.image_id, "Square", "grad_cam")
    levels, _ = render.levels(np.asarray(made))
    assert shown.content == levels.tobytes()
    assert ada.send(ada.event(reading.id, "done", {"timed_out": False})).status_code == 422
    ada.place -= 1
    ada.read(
        reading.id,
        ("place", {"place": "corner", "on": True}),
        ("place", {"place": "edge", "on": True}),
        ("place", {"place": "corner", "on": False}),
        ("write", {"text": "the rim of the film"}),
    )
    export(room, tmp_path)
    [row] = pl.read_csv(tmp_path / "readings.csv").to_dicts()
    assert (row["places"], row["text"], row["maps"]) == (
        "edge", "the rim of the film", "secret-method",
    )  # fmt: skip
    assert "<td" in (tmp_path / "report.html").read_text()
    room.ledger.close()
