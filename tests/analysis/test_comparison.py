"""Models beside each other on the same films, by hand."""

import numpy as np
import polars as pl
import pytest

from heatproof.analysis.comparison import pairs
from heatproof.errors import ExperimentError
from heatproof.experiment.file import Experiment, load
from heatproof.run.pipeline import run


@pytest.fixture
def two(squares):
    """The squares, judged by one network and by another of the opposite mind."""
    text = squares.read_text()
    model = text[text.index("[[models]]") : text.index("[explain]")]
    other = model.replace('"bright"', '"dark"').replace("network.py", "other.py")
    network = (squares.parent / "network.py").read_text()
    (squares.parent / "other.py").write_text(network.replace("- 0.5", "- 0.1"))
    text = text.replace("[explain]", f"{other}\n[explain]")
    squares.write_text(text.replace("min_positives = 1", "min_positives = 1\ncompare = [PAIR]"))
    return squares


def test_differences_are_paired_by_film(two):
    two.write_text(two.read_text().replace("PAIR", '["bright", "dark"]'))
    out = run(load(two)).parent
    scores = pl.read_parquet(out / "scores.parquet").filter(pl.col("metric") == "auprc")
    told = pl.read_parquet(out / "comparisons.parquet").filter(metric="auprc")
    assert set(told["statistic"]) == {"ours", "theirs", "difference"}
    for method in ("grad_cam", "occlusion(window=8, stride=8)"):
        ours, theirs = (
            scores.filter(group=name, method=method).select("image_id", "value")
            for name in ("bright", "dark")
        )
        both = ours.join(theirs, on="image_id", suffix="_dark").drop_nans()
        gap = (both["value"] - both["value_dark"]).to_numpy()
        [row] = told.filter(method=method, statistic="difference").rows(named=True)
        assert (row["model"], row["other"], row["finding"]) == ("bright", "dark", "Square")
        assert (row["value"], row["cases"]) == (pytest.approx(gap.mean()), len(gap))
        turns = np.array(np.meshgrid(*[[-1, 1]] * len(gap))).reshape(len(gap), -1)
        as_far = np.abs(gap @ turns) >= abs(gap.sum()) - 1e-12
        by_film = as_far.mean()  # in fold 1 two films are of one patient, one of them marked
        assert row["p"] == pytest.approx(by_film)
        assert row["holm"] == row["bonferroni"] == row["p"]  # of a family of one
    page = (out / "report.html").read_text()
    assert "of bright beside that of dark" in page


def test_a_model_that_is_not_there_is_named(two):
    two.write_text(two.read_text().replace("PAIR", '["bright", "drak"]'))
    with pytest.raises(ExperimentError, match="no model is named 'drak'; did you mean dark"):
        load(two)


def test_ensembles_are_compared_with_their_best_checkpoints_unasked():
    training = {"data": "films", "validation": "films"}
    scaling = {"geometry": "squash(height=8, width=8)", "mean": [0.5], "std": [1.0]}
    trained = {"backbone": "resnet18", "training": training, "scaling": scaling, "data": []}
    models = [
        {"name": "a", **trained},
        {"name": "b", **trained},
        {"name": "many", "ensemble": {"of": ["a", "b"], "best": 5}},
        {"name": "one", "ensemble": {"of": ["a", "b"], "best": 1}},
        {"name": "of a alone", "ensemble": {"of": ["a"], "best": 1}},
    ]
    found = Experiment.model_validate({
        "name": "e",
        "data": [{"name": "films", "dataset": "manifest"}],
        "models": models,
        "explain": {"methods": ["grad_cam"]},
        "statistics": {"compare": [["one", "of a alone"]]},
    })  # fmt: skip
    assert pairs(found) == [("one", "of a alone"), ("many", "one")]
