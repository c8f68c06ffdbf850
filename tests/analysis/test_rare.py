"""Findings with too few positives: numbers without intervals, and nothing concluded from them."""

import numpy as np
import polars as pl
import pytest

from heatproof.analysis.rare import Rare, frequent, trustworthy
from heatproof.experiment.file import load
from heatproof.run.pipeline import run


def with_least(squares, least):
    """The squares, of which five films are marked."""
    text = squares.read_text()
    assert "min_positives = 1\n" in text
    line = "" if least is None else f"min_positives = {least}\n"
    squares.write_text(text.replace("min_positives = 1\n", line))
    return run(load(squares))


def tables(report):
    return [pl.read_parquet(report.parent / f"{name}.parquet") for name in ("estimates", "scores")]


@pytest.mark.parametrize("least", [None, 6])
def test_a_rare_finding_is_described(squares, least):
    report = with_least(squares, least)
    estimates, scores = tables(report)
    assert len(estimates) > 20
    for end in ("low", "high"):
        assert estimates[end].fill_nan(None).null_count() == len(estimates)
    own = scores.filter((pl.col("method") == "grad_cam") & (pl.col("metric") == "iou"))
    assert len(own) == 5
    mean = estimates.filter(method="grad_cam", metric="iou", statistic="mean")["value"].item()
    assert mean == pytest.approx(np.nanmean(own["value"].to_numpy()))
    assert pl.read_parquet(report.parent / "diagnosis.parquet").is_empty()
    page = " ".join(report.read_text().split())
    assert "Nothing is concluded about maps and the classifier on films for Square (5)" in page
    assert f"marked on 5 films, and it takes {least or 10}" in page
    assert "there are too few cases to say whether any map finds Square better" in page
    assert "bright cannot be judged: there are too few positives" in page
    assert "Few cases on films" not in page


def test_one_that_is_not_rare_is_estimated(squares):
    report = with_least(squares, 5)
    estimates, _ = tables(report)
    ours = estimates.filter(method="grad_cam", statistic="mean")
    assert ours["low"].is_finite().all()
    assert len(pl.read_parquet(report.parent / "diagnosis.parquet"))
    assert "Nothing is concluded" not in report.read_text()


def test_trust_needs_enough_films_of_either_kind():
    few = [
        Rare("a", "both", "maps", 1, 10),
        Rare("a", "both", "classifier", 2, 10),
        Rare("a", "unmarked", "maps", 0, 10),
        Rare("b", "unlabelled", "classifier", 0, 10),
    ]
    places = [("a", "both"), ("a", "unmarked"), ("b", "unlabelled"), ("b", "both")]
    table = pl.DataFrame(places, ["data", "finding"], orient="row")
    assert trustworthy(table, few).rows() == places[1:]
    assert frequent(table, few).rows() == places[2:]
    assert frequent(table, []).equals(table)
