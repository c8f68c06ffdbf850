"""Two runs beside each other: only what differs is told, and scores are paired by film."""

import polars as pl
import pytest

import heatproof
from heatproof.experiment.file import load
from heatproof.run.pipeline import run
from heatproof.tables.scores import Scores
from heatproof.tables.verdicts import Verdicts


def test_settings_that_differ_are_listed_and_no_others(runs) -> None:
    compared = heatproof.open(runs[0]).compare(runs[1])
    assert set(compared.settings["setting"]) == {"explain.methods", "score.metrics"}
    assert heatproof.open(runs[0]).compare(runs[0]).settings.is_empty()


def test_equal_maps_have_equal_scores(runs) -> None:
    compared = heatproof.open(runs[0]).compare(runs[1]).scores
    assert set(compared["metric"]) == {"iou", "hit_rate"}  # what both have
    assert set(compared["method"]) >= {"grad_cam", "occlusion(window=8, stride=8)"}
    assert (compared["difference"].fill_nan(0) == 0).all()
    # Where no film differs there is nothing to infer.
    assert compared["low"].is_nan().all()


def changed(folder, to, gain: float, verdict: str):
    """A copy of a run in which scores of grad_cam rose on some films, and a verdict changed."""
    import shutil

    shutil.copytree(folder, to)
    is_cam = (pl.col("method") == "grad_cam") & (pl.col("metric") == "iou")
    scores = pl.read_parquet(to / "scores.parquet")
    rose = scores.with_columns(pl.when(is_cam).then(pl.col("value") + gain).otherwise("value"))
    Scores(rose.drop("literal", strict=False)).frame.write_parquet(to / "scores.parquet")
    verdicts = pl.read_parquet(to / "verdicts.parquet")
    changed = verdicts.with_row_index().with_columns(
        pl.when(pl.col("index") == 0).then(pl.lit(verdict)).otherwise("verdict").alias("verdict")
    )
    Verdicts(changed.drop("index")).frame.write_parquet(to / "verdicts.parquet")
    return heatproof.open(to)


def test_differences_are_of_the_films_of_both(runs, tmp_path) -> None:
    first = heatproof.open(runs[0])
    second = changed(runs[0], tmp_path / "copy", 0.25, "changed")
    compared = first.compare(second)
    row = compared.scores.filter(method="grad_cam", metric="iou").row(0, named=True)
    assert row["difference"] == pytest.approx(0.25)
    assert row["second"] - row["first"] == pytest.approx(0.25)
    scores = first["scores"].frame.filter(method="grad_cam", metric="iou")
    marked = scores.filter(pl.col("regions") > 0)
    assert row["films"] == len(marked)
    assert row["first"] == pytest.approx(marked["value"].mean())
    # Every film rose by as much, so the interval has no width.
    assert row["low"] == row["high"] == pytest.approx(0.25)
    others = compared.scores.filter(pl.col("method") != "grad_cam")["difference"]
    assert (others.fill_nan(0) == 0).all()
    assert compared.verdicts["second"].to_list() == ["changed"]
    assert "changed" in compared.page()
    assert "grad_cam" in compared._repr_html_()
    assert "+0.25 [+0.25, +0.25]" in repr(compared)  # a screen of text, no frames
    assert len(repr(compared).splitlines()) < 20


def test_people_read_what_differs_and_how_much_does_not(runs, tmp_path) -> None:
    first = heatproof.open(runs[0])
    compared = first.compare(changed(runs[0], tmp_path / "copy", 0.25, "changed"))
    settings, scores, verdicts = compared.parts
    assert settings.says == ("None.",)
    # One score of all differs; the others are counted.
    assert f"Alike on every film: {len(compared.scores) - 1} scores." in scores.says
    [row] = [dict(zip(scores.headings, cells, strict=True)) for cells in scores.rows]
    assert row["method"] == "grad_cam"
    assert row["second − first"] == "+0.25 [+0.25, +0.25]"
    films = compared.scores.filter(pl.col("differ") > 0)["films"].item()
    assert row["films that differ"] == f"{films} of {films}"
    assert len(verdicts.rows) == 1
    alike = first.compare(first).parts
    assert [part.rows for part in alike] == [(), (), ()]
    assert alike[1].says[0] == "None."


def test_what_all_rows_share_is_said_once(runs, tmp_path) -> None:
    copy = changed(runs[0], tmp_path / "copy", 0.25, "changed")
    scores = pl.read_parquet(copy.folder / "scores.parquet")
    rose = scores.with_columns(pl.col("value") + (pl.col("metric") == "iou") * 0.1)
    Scores(rose).frame.write_parquet(copy.folder / "scores.parquet")
    part = heatproof.open(runs[0]).compare(copy).parts[1]
    assert len(part.rows) > 1
    assert "metric: iou" in part.says[0]
    assert "metric" not in part.headings
    assert "method" in part.headings


def test_a_film_without_a_score_makes_no_difference(runs, tmp_path) -> None:
    copies = []
    for name in ("one", "other"):
        copy = changed(runs[0], tmp_path / name, 0.0, "changed")
        scores = pl.read_parquet(copy.folder / "scores.parquet")
        first = pl.col("image_id") == scores.filter(pl.col("regions") > 0)["image_id"][0]
        lacking = scores.with_columns(
            pl.when(first).then(float("nan")).otherwise("value").alias("value")
        )
        Scores(lacking).frame.write_parquet(copy.folder / "scores.parquet")
        copies.append(heatproof.open(copy.folder))
    compared = copies[0].compare(copies[1]).scores
    assert (compared["differ"] == 0).all()
    assert compared["low"].is_nan().all()
    assert compared["p"].is_nan().all()


def test_an_added_metric_or_method_leaves_the_others_as_they_are(runs, tmp_path) -> None:
    import shutil

    place = tmp_path / "project"
    shutil.copytree(runs[0].parents[1], place)
    folder = place / "runs" / "first"
    # The second experiment asks for more than the first; in the folder of the first it adds it.
    for file in place.glob("*.png"):  # the copy is of another time, and films are told apart by it
        shutil.copystat(runs[0].parents[1] / file.name, file)
    before = units(folder)
    run(load(place / "second.toml", {"output": str(folder)}))
    after = units(folder)
    assert before.items() <= after.items()
    added = set(after) - set(before)
    kinds = {file.parent.name for file in added}
    assert kinds >= {"made", "scores"}
    assert "predictions" not in kinds
    made = pl.concat(pl.read_parquet(file) for file in added if file.parent.name == "made")
    assert set(made["method"]) == {"gradient"}


def units(folder) -> dict:
    kinds = ("made", "scores", "predictions", "trust")
    files = [file for kind in kinds for file in (folder / kind).glob("*.parquet")]
    return {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in files}
