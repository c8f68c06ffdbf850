"""Shapes are those that were drawn."""

import numpy as np
import polars as pl
import pytest

from heatproof.experiment.file import load
from heatproof.experiment.workspace import open_workspace
from heatproof.stages.shapes import shapes
from heatproof.tables.scores import Scores
from tests.analysis import made_up


def test_a_square_is_as_long_as_wide_and_fills_its_box(squares):
    table = squares.parent / "films.csv"
    films = pl.read_csv(table).with_columns(pl.col("boxes").str.json_decode(pl.List(pl.List(int))))
    drawn = {name: boxes for name, boxes in films.select("id", "boxes").iter_rows() if boxes}
    work = open_workspace(load(squares))
    same = {"finding": "Square", "regions": 1}
    scores = Scores.of_rows(made_up.scores(dict.fromkeys(drawn, 0.5), **same))
    nothing = made_up.scores({"f0": 0.0}, **(same | {"regions": 0}))
    made = shapes(work, Scores.of_rows([*scores.frame.rows(named=True), *nothing] * 2)).frame
    assert made["image_id"].to_list() == list(drawn)
    assert set(made["instances"]) == {1}
    for name, area in made.select("image_id", "area_ratio").iter_rows():
        [[_, _, width, height]] = drawn[name]
        assert area == pytest.approx(width * height / (96 * 160))
    np.testing.assert_allclose(made["elongation"], 1)
    np.testing.assert_allclose(made["irrectangularity"], 0, atol=1e-12)
    np.testing.assert_allclose(made["box_coverage"], 1)
    (unit,) = (squares.parent / "out/shapes").iterdir()
    assert shapes(work, scores).frame.equals(made)  # read again
    assert [unit] == list((squares.parent / "out/shapes").iterdir())
