"""The scorecard of a run that was done: its tables, its command, and what was not measured."""

import json
import shutil
from dataclasses import replace
from itertools import product
from random import Random

import polars as pl
import pytest
import typer
from typer.testing import CliRunner

import heatproof
from heatproof.analysis.scorecard import Aspect
from heatproof.cli.scorecard import scorecard
from heatproof.errors import ExperimentError
from heatproof.tables.estimates import Estimates
from heatproof.types import Outcome
from tests.conftest import ROOT

app = typer.Typer()
app.command()(scorecard)
METHODS = {"grad_cam", "occlusion(window=8, stride=8)"}


def test_every_method_has_a_card_that_its_tables_tell(runs) -> None:
    run = heatproof.open(runs[0])
    card = run.scorecard().card
    assert card.metric == "iou"  # the first of [score] metrics
    assert {(one.dataset, one.model, one.finding) for one in card.cards} == {
        ("films", "bright", "Square")
    }
    assert {one.method for one in card.cards} == METHODS
    rows = run[Estimates.name].frame.filter(
        pl.col("statistic").str.starts_with("difference"), metric="iou"
    )
    gains = dict(rows.select("method", "value").iter_rows())
    for one in card.cards:
        prior = next(e for e in one.entry(Aspect.PLAUSIBILITY).evidence if e.measure == "iou")
        assert prior.estimate.value == pytest.approx(gains[one.method], nan_ok=True)
        assert prior.decides
        verdicts = run.verdicts.filter(pl.col("criterion") != "localization", method=one.method)
        grid = [*one.entry(Aspect.CONSISTENCY).evidence, *one.entry(Aspect.FIDELITY).evidence]
        assert sorted(str(e.outcome) for e in grid) == sorted(verdicts["verdict"])
        assert one.entry(Aspect.USEFULNESS).outcome is Outcome.NOT_TESTED


def test_without_trust_fidelity_and_marks_nothing_is_measured(runs, tmp_path) -> None:
    folder = tmp_path / "bare"
    shutil.copytree(runs[0], folder)
    for table in ("verdicts", "trust", "fidelity", "estimates", "comparisons", "scores"):
        (folder / f"{table}.parquet").unlink(missing_ok=True)
    made = heatproof.open(folder).scorecard()
    assert {one.method for one in made.card.cards} == METHODS
    told = json.loads(made.json)["cards"][0]["aspects"]
    keys = ("[trust]", "[[data]]", "[fidelity]", "--readers")
    for aspect, key in zip(Aspect, keys, strict=True):
        assert told[aspect]["outcome"] == "not measured"
        assert key in told[aspect]["statement"]


def test_a_run_that_is_not_finished_has_none(runs, tmp_path) -> None:
    begun = heatproof.open(runs[0])
    begun = replace(begun, about={**begun.about, "finished": None})
    with pytest.raises(ExperimentError, match="is begun, and not finished: give the command"):
        begun.scorecard()


def test_the_command_writes_three_files(runs, tmp_path) -> None:
    def said(*words: str) -> str:
        found = CliRunner().invoke(app, [str(runs[0]), *words], catch_exceptions=False)
        assert found.exit_code == 0
        return found.stdout

    files = said("-o", str(tmp_path / "out")).split()
    names = [f"scorecard.{ending}" for ending in ("html", "pdf", "json")]
    assert files == [str(tmp_path / "out" / name) for name in names]
    assert said("--json") == (tmp_path / "out" / "scorecard.json").read_text()
    assert (tmp_path / "out" / "scorecard.html").read_text() == heatproof.open(
        runs[0]
    ).scorecard()._repr_html_()


def test_readers_fill_usefulness(runs, tmp_path) -> None:
    # Noise of 2.5 hides a step of .5, which readers see without the map, and less one of 2.
    noise, rows = Random(1), ["reader,case,modality,truth,rating"]
    for reader, case in product(range(5), range(40)):
        for shows, step in (("grad_cam", 2), ("none", 0.5)):
            rating = step * (case % 2) + 2.5 * noise.random()
            rows.append(f"r{reader},c{case},{shows},{case % 2},{rating}")
    file = tmp_path / "ratings.csv"
    file.write_text("\n".join(rows) + "\n")
    told = CliRunner().invoke(app, [str(runs[0]), "--readers", str(file), "--json"])
    found = {card["method"]: card["aspects"]["usefulness"]
             for card in json.loads(told.stdout)["cards"]}  # fmt: skip
    assert found["grad_cam"]["outcome"] == "pass"
    assert found["occlusion(window=8, stride=8)"]["outcome"] == "not measured"
    [evidence] = found["grad_cam"]["evidence"]
    compared = heatproof.compare_readers(file).differences.row(0, named=True)
    assert (compared["first"], compared["second"]) == ("grad_cam", "none")
    assert evidence["value"] == pytest.approx(compared["value"])
    assert (evidence["low"], evidence["high"]) == pytest.approx((compared["low"], compared["high"]))
    assert evidence["cases"] == 40
    # Turned round, the map comes second, and the difference has the other sign.
    file.write_text(file.read_text().replace("none", "zero").replace("grad_cam", "none")
                    .replace("zero", "grad_cam"))  # fmt: skip
    told = CliRunner().invoke(app, [str(runs[0]), "--readers", str(file), "--json"])
    worse = json.loads(told.stdout)["cards"][0]["aspects"]["usefulness"]
    assert worse["outcome"] == "fail"
    assert worse["evidence"][0]["value"] == pytest.approx(-evidence["value"])
    assert worse["evidence"][0]["low"] == pytest.approx(-evidence["high"])
    file.write_text(file.read_text().replace("none", "another"))
    with pytest.raises(ExperimentError, match="compares no map of"):
        CliRunner().invoke(
            app, [str(runs[0]), "--readers", str(file)], catch_exceptions=False
        )  # fmt: skip


def test_the_code_of_the_page_runs(runs, monkeypatch, capsys) -> None:
    page = (ROOT / "docs/how-to/scorecard.md").read_text()
    code = page.split("```python")[1].split("```")[0].replace("runs/squares", "runs/first")
    monkeypatch.chdir(runs[0].parents[1])
    exec(compile(code, "scorecard.md", "exec"), {})
    said = capsys.readouterr().out
    assert "grad_cam bright ['" in said
    assert '"format": 1' in said
