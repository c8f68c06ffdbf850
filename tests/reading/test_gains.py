"""What readers gain with the maps of a run, from a study that was read in the browser."""

from pathlib import Path

import polars as pl
import pytest

import heatproof
from heatproof.analysis.scorecard import Aspect
from heatproof.errors import ExperimentError
from heatproof.reading.export import export
from heatproof.reading.gains import gains
from heatproof.reading.serving import opened
from heatproof.reading.study import load
from tests.reading.conftest import Browser, server
from tests.runs.conftest import runs  # noqa: F401  # a fixture

STUDY = """
name = "Gains"
output = "gains"

[films]
dataset = "manifest"
csv = "films.csv"
image = "file"
id = "id"
patient = "patient"
labels = ["Square"]

[[maps]]
name = "secret-method"
run = "runs/first"
method = "grad_cam"

[[maps]]
name = "other-run"
run = "runs/second"
method = "gradient"

[[readers]]
name = "Ada"

[[readers]]
name = "Bo"

[[tasks]]
name = "Decide"
kind = "decision"
finding = "Square"
shows = ["none", "secret-method", "other-run"]
order = "sequential"
films = ["f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11"]
"""


@pytest.fixture(scope="module")
def study(runs) -> Path:  # noqa: F811
    """Readers are right with a map; without one they miss what is on film f5."""
    file = runs[0].parents[1] / "gains.toml"
    file.write_text(STUDY)
    room = opened(load(file))
    for reader in ("Ada", "Bo"):
        client = server(room)
        browser = Browser(client, room.ledger.new_token(reader))
        while told := browser.me()["remaining"]:
            for entry in told:
                reading = room.readings[entry["id"]]
                truth = bool(room.cases.samples[reading.image_id].labels["Square"])
                said = truth and not (reading.shows == "none" and reading.image_id == "f5")
                browser.read(entry["id"], ("choose", {"yes": said}), ("rate", {"value": 2}))
        client.close()
    room.ledger.close()
    return file


def test_gains_are_those_of_the_maps_of_this_run(study, runs, tmp_path) -> None:  # noqa: F811
    [told] = gains(study, runs[0])
    assert (told.method, told.finding, told.figure) == ("grad_cam", "Square", "auc")
    # One of four films with a square ties with all four without: an AUROC of 1 - 1/4 * 1/2.
    assert told.difference.value == pytest.approx(1 / 8)
    assert told.difference.low < told.difference.value < told.difference.high
    assert told.difference.cases == 8
    assert "2 readers" in told.difference.method
    [of_other] = gains(study, runs[1])
    assert of_other.method == "gradient"
    # The ratings that the study exports say the same, once their maps have the names of methods.
    room = opened(load(study))
    export(room, tmp_path)
    room.ledger.close()
    [file] = tmp_path.glob("ratings-*.csv")
    ratings = pl.read_csv(file)
    named = ratings.with_columns(pl.col("modality").replace("secret-method", "grad_cam"))
    named.write_csv(tmp_path / "named.csv")
    found = {one.method: one.difference.value for one in gains(tmp_path / "named.csv", runs[0])}
    assert found["grad_cam"] == pytest.approx(1 / 8)


def test_they_stand_on_the_card_of_their_method(study, runs) -> None:  # noqa: F811
    made = heatproof.open(runs[0]).scorecard(gains(study, runs[0]))
    seen = {card.method: len(card.entry(Aspect.USEFULNESS).evidence) for card in made.card.cards}
    assert seen == {"grad_cam": 1, "occlusion(window=8, stride=8)": 0}


def test_a_study_of_other_maps_is_refused(study, tmp_path) -> None:
    with pytest.raises(ExperimentError, match=r"compares no map of .* with no map: a task of kind"):
        gains(study, tmp_path)
