"""The demo's classifiers really learn, and its report shows it."""

from importlib import resources

import polars as pl
import pytest

from heatproof.experiment.file import load
from heatproof.run.pipeline import run


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_both_heads_learn_and_their_maps_show_what_they_learned(tmp_path):
    with resources.as_file(resources.files("heatproof.run") / "demo.toml") as file:
        report = run(load(file, {"output": str(tmp_path)}))
    estimates = pl.read_parquet(tmp_path / "estimates.parquet")
    aurocs = estimates.filter(pl.col("metric") == "auroc of the classifier")
    assert set(aurocs["model"]) == {"linear head", "WILDCAT head"}
    assert aurocs["value"].min() >= 0.95
    differences = estimates.filter(
        (pl.col("statistic") == "difference to the mean-mask prior")
        & (pl.col("metric") == "auprc")
        & (pl.col("method") == "class_map")
    )
    assert differences.height == 2
    assert differences["low"].min() > 0
    verdicts = pl.read_parquet(tmp_path / "verdicts.parquet")
    randomized = verdicts.filter(pl.col("criterion").str.starts_with("randomization"))
    # No map stays when the weights go; with one draw and 30 films not every method can tell.
    assert (randomized["value"] < randomized["threshold"]).all()
    assert set(randomized["verdict"]) <= {"pass", "inconclusive"}
    assert "pass" in set(randomized["verdict"])
    page = report.read_text()
    assert "Read this before the numbers" not in page  # nobody judged was seen in training
    assert "AUROC" in page
