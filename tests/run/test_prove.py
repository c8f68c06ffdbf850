"""The call for what is in memory gives the same as the experiment file."""

import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal

from heatproof import Adapted, Manifest, Preprocessing, Squash, load_experiment, prove
from heatproof.errors import ExperimentError
from heatproof.run.pipeline import run


def test_it_gives_the_same_scores_as_the_file(squares, tmp_path):
    squares.write_text(
        squares.read_text().replace('trained_on = { fold = "0" }\njudges = { fold = "1" }\n', "")
    )
    expected = pl.read_parquet(run(load_experiment(squares)).parent / "scores.parquet")
    scope: dict = {"torch": torch}
    exec((squares.parent / "network.py").read_text(), scope)
    films = Manifest(
        squares.parent / "films.csv",
        labels=("Square",),
        image="file",
        id="id",
        patient="patient",
        boxes="boxes",
    )
    model = Adapted(
        scope["build"](), "features", ["Square"], Preprocessing(Squash(64, 64), 1, (0.0,), (1.0,))
    )
    specs = ["grad_cam", "occlusion(window=8, stride=8)"]
    scored = ["iou", "hit_rate", "auprc", "auroc"]
    proof = prove(model, films, specs, scored, output=tmp_path / "p", criteria=["input_noise"])
    columns = ["image_id", "method", "metric", "value", "validity"]
    assert_frame_equal(proof.scores.select(columns), expected.select(columns))
    assert proof.report.is_file()
    assert {"auroc of the classifier", "iou"} <= set(proof.estimates["metric"])
    assert set(proof.trust["method"]) == {"grad_cam", "occlusion(window=8, stride=8)"}
    assert set(proof.trust["criterion"]) == {"input_noise"}
    assert prove(model, films, specs, scored, output=tmp_path / "p").trust is None
    with pytest.raises(ExperimentError, match=r"repeatability needs two models.*there are: My"):
        prove(model, films, specs, output=tmp_path / "p", criteria=["repeatability"])
