"""Controls stand beside the methods, and know what they may know and no more."""

import dataclasses

import polars as pl
import pytest

from heatproof.data.annotations import Boxes
from heatproof.data.decoded import SamplesInMemory
from heatproof.errors import ExperimentError
from heatproof.experiment.file import load
from heatproof.experiment.films import OpenedData
from heatproof.experiment.workspace import open_workspace
from heatproof.progress import Silent
from heatproof.run.pipeline import run
from heatproof.stages.control_maps import control_maps
from heatproof.stages.scoring import score
from heatproof.types import Annotation

ALONE = "\n[score]\ncontrols = []\n"
BESIDE = ["centre", "edges", "random", "ceiling(8x8)"]


def test_every_table_has_them_and_the_difference_stays_to_the_prior(squares):
    report = run(load(squares))
    scores = pl.read_parquet(report.parent / "scores.parquet")
    controls = scores.filter(pl.col("model") == "")
    assert controls["method"].unique(maintain_order=True).to_list() == ["mean_mask", *BESIDE]
    estimates = pl.read_parquet(report.parent / "estimates.parquet")
    told = estimates.filter(pl.col("metric") == "auroc").filter(pl.col("statistic") == "mean")
    means = dict(told.select("method", "value").iter_rows())
    # Bright squares on dark films: their outlines are edges, and nothing but noise is noise.
    assert means["ceiling(8x8)"] > max(means["centre"], means["random"], means["mean_mask"])
    assert abs(means["random"] - 0.5) < 0.02
    compared = estimates.filter(pl.col("statistic").str.starts_with("difference"))
    assert set(compared["method"]) == {"grad_cam", "occlusion(window=8, stride=8)"}
    page = report.read_text()
    for words in ("image centre", "edges of the film", "random map", "best at 8 × 8"):
        assert words in page


def test_an_experiment_may_leave_them_out_and_keeps_the_units_that_it_had(squares):
    run(load(squares))
    units = {file.name for file in (squares.parent / "out/scores").iterdir()}
    everything = squares.read_text()
    squares.write_text(everything + ALONE)
    report = run(load(squares))
    scores = pl.read_parquet(report.parent / "scores.parquet")
    assert scores.filter(pl.col("model") == "")["method"].unique().to_list() == ["mean_mask"]
    assert "random map" not in report.read_text()
    assert {file.name for file in (squares.parent / "out/scores").iterdir()} == units


def test_a_control_that_does_not_exist_is_answered_with_what_does(squares):
    with pytest.raises(ExperimentError, match="no control is named 'edge'; did you mean edges"):
        load(squares, {"score": {"controls": ["edge"]}})


def test_each_reader_is_met_by_the_others(squares):
    """One reader marks the whole box of the table, another its left half: IoU 1/2, both ways."""
    work = open_workspace(load(squares, {"score": {"metrics": ["iou"], "controls": ["readers"]}}))
    films = work.data["films"]

    def twice(sample):
        halves = [
            Annotation(a.finding, "second", Boxes(((x0, y0, (x0 + x1) / 2, y1),)))
            for a in sample.annotations
            for x0, y0, x1, y1 in a.shape.boxes
        ]
        return dataclasses.replace(sample, annotations=(*sample.annotations, *halves))

    read_twice = [twice(sample) for sample in films.samples[:8]]
    samples = (*read_twice, *films.samples[8:])
    doubled = OpenedData("films", SamplesInMemory(films.findings, samples), {})
    of_readers = [maps for maps in control_maps(work, doubled, []) if maps.method == "readers"]
    found = work.scores.read(score(work, of_readers, Silent())).frame
    marked = {sample.image_id for sample in read_twice if sample.annotations}
    assert set(found["image_id"]) == marked  # where one reader marked alone, there is no other
    assert found["reader"].value_counts()["count"].to_list() == [len(marked)] * 2
    assert found["value"].to_list() == pytest.approx([0.5] * len(found))
