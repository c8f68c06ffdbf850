"""Replicates, supervised references and samplings that an experiment trains, in the trust table."""

import json

import polars as pl
import pytest

from heatproof.experiment.file import load
from heatproof.experiment.workspace import open_workspace
from heatproof.models.card import read_card
from heatproof.preparation.folders import trained_folder
from heatproof.run.pipeline import run
from tests.preparation.test_localizers import EXPERIMENT, SCALING, TRAINING, UNET


def entry(name, what, **more):
    lines = [f'name = "{name}"', what, f"scaling = {SCALING}", f"training = {TRAINING}"]
    lines += [f"{key} = {value}" for key, value in more.items()]
    return "\n[[models]]\n" + "\n".join(lines) + "\n"


@pytest.mark.slow
def test_replicates_references_and_samplings_are_compared_by_their_criteria(tmp_path):
    net = 'backbone = "resnet10t(width=8)"'
    head, _, tail = EXPERIMENT.replace("trust = false\n", "").partition("[[models]]")
    text = head + entry("whole", net, seeds="[0, 1]")
    text += entry("half", net, sampling="{ fraction = 0.5 }")
    text += entry("rare", net, sampling="{ prevalence = 0.2 }")
    text += entry("dealt", net, sampling="{ permuted = true }")
    text += entry("segmenter", f'localizer = "{UNET}"', seeds="[0, 1]")
    text += tail[tail.index("[explain]") :].replace('"class_map", ', "")
    between = ("repeatability", "label_efficiency", "prevalence", "data_randomization")
    criteria = [*between, "randomization(order='whole', draws=1)"]
    file = tmp_path / "replicates.toml"
    file.write_text(f"{text}\n[trust]\ncriteria = {json.dumps(criteria)}\nside = 48\n")
    rows = pl.read_parquet(run(load(file)).parent / "trust.parquet")
    assert rows["image_id"].n_unique() > 3

    def pairs(criterion, method="grad_cam"):
        here = rows.filter(
            (pl.col("criterion") == criterion)
            & (pl.col("method") == method)
            & (pl.col("population") == "same film")
        )
        return set(here.select("model_a", "model_b", "step").unique().iter_rows())

    replicates = ("whole, seed 0", "whole, seed 1")
    assert pairs("repeatability") == {(*replicates, "")}
    assert pairs("repeatability", "segmentation") == {
        ("segmenter, seed 0", "segmenter, seed 1", "")
    }
    assert pairs("label_efficiency") == {(one, "half", "0.5") for one in replicates}
    assert pairs("prevalence") == {(one, "rare", "as found / 0.2") for one in replicates}
    assert pairs("data_randomization") == {(one, "dealt", "") for one in replicates}
    randomized = pairs("randomization(order='whole', draws=1)")
    assert {one for one, _, _ in randomized} == {*replicates, "half", "rare"}
    work = open_workspace(load(file))
    seen = {m.name: read_card(trained_folder(work, m)).trained_on for m in work.experiment.models}
    assert len(seen["half"].patients) < len(seen["dealt"].patients)
    assert seen["dealt"] == seen["whole, seed 0"]
