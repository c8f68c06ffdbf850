"""Models that an experiment trains: whole or absent, once, and anew when what made them changes."""

import json

import pytest
import torch

from heatproof.errors import ExperimentError
from heatproof.models.card import load as load_model
from heatproof.models.card import read_card
from heatproof.run.experiment import load
from heatproof.run.pipeline import run

EXPERIMENT = """
name = "Two heads"
output = "out"

[[data]]
name = "train"
dataset = "phantom"
images = 24
size = 48
judged = false

[[data]]
name = "validation"
dataset = "phantom"
images = 16
seed = 1
size = 48
judged = false

[[data]]
name = "test"
dataset = "phantom"
images = 8
seed = 2
size = 48

[[models]]
name = "linear head"
backbone = "resnet10t"
scaling = { geometry = "squash(height=48, width=48)", channels = 1, mean = [0.5], std = [0.25] }
training = { data = "train", validation = "validation", settings = { max_epochs = 1 } }

[[models]]
name = "WILDCAT head"
backbone = "resnet10t"
head = "wildcat"
scaling = { geometry = "squash(height=48, width=48)", channels = 1, mean = [0.5], std = [0.25] }

[models.training]
data = "train"
validation = "validation"
start = "linear head"
settings = { max_epochs = 1, backbone_lr = 0.0 }

[explain]
methods = ["grad_cam", "class_map"]

[classification]
validation = "validation"

[statistics]
resamples = 100
"""


@pytest.fixture
def two_heads(tmp_path):
    file = tmp_path / "heads.toml"
    file.write_text(EXPERIMENT)
    return file


def test_models_are_trained_once_and_reported(two_heads):
    report = run(load(two_heads))
    folders = sorted((two_heads.parent / "out/models").iterdir())
    assert [folder.name.rpartition("-")[0] for folder in folders] == ["WILDCAT-head", "linear-head"]
    wildcat, linear = (load_model(folder) for folder in folders)
    assert wildcat[1].pretrained == "backbone of 'linear head'"
    assert wildcat[1].trained_on.data == "train"
    assert len(linear[1].tuned_on.patients) > 0
    started = zip(linear[0].backbone.parameters(), wildcat[0].backbone.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in started)  # frozen, so as it started
    page = report.read_text()
    assert "validation AUROC" in page or "Validation AUROC" in page
    assert "Youden&#39;s index on validation" in page
    cards = {folder: read_card(folder) for folder in folders}
    times = {folder: (folder / "card.json").stat().st_mtime_ns for folder in folders}
    assert run(load(two_heads)).read_text() == page
    assert times == {folder: (folder / "card.json").stat().st_mtime_ns for folder in cards}


def test_a_model_half_written_is_trained_again_to_the_same_weights(two_heads):
    run(load(two_heads), until="train")
    folder = next((two_heads.parent / "out/models").glob("linear*"))
    before = read_card(folder)
    (folder / "card.json").unlink()
    run(load(two_heads), until="train")
    assert read_card(folder) == before


def test_another_setting_is_another_model(two_heads):
    run(load(two_heads), until="train")
    two_heads.write_text(EXPERIMENT.replace("backbone_lr = 0.0", "backbone_lr = 0.1"))
    run(load(two_heads), until="train")
    names = [f.name.rpartition("-")[0] for f in (two_heads.parent / "out/models").iterdir()]
    assert sorted(names) == ["WILDCAT-head", "WILDCAT-head", "linear-head"]


def test_the_history_says_which_epoch_was_kept(two_heads):
    run(load(two_heads), until="train")
    folder = next((two_heads.parent / "out/models").glob("linear*"))
    history = json.loads((folder / "history.json").read_text())
    assert len(history["auroc"]) == 1
    assert history["best"] == 0
    assert history["stopped"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("backbone_lr = 0.0", "backbone_rl = 0.0", "did you mean backbone_lr"),
        ('start = "linear head"', 'start = "linear"', "did you mean linear head"),
        ("max_epochs = 1, ", "max_epochs = 0, ", "max_epochs=0"),
    ],
)
def test_mistakes_are_answered_before_anything_is_trained(two_heads, old, new, message):
    assert old in EXPERIMENT
    two_heads.write_text(EXPERIMENT.replace(old, new))
    with pytest.raises(ExperimentError, match=message):
        run(load(two_heads))
    assert not (two_heads.parent / "out/models").exists()
