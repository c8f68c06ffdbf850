"""Ensembles in an experiment: chosen on validation by classification, judged as one model."""

import json
import shutil

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.metrics import roc_auc_score

from heatproof.errors import ExperimentError, ModelError
from heatproof.experiment.file import load
from heatproof.experiment.workspace import open_workspace
from heatproof.models import card as cards
from heatproof.models import ensemble as ensembles
from heatproof.preparation.folders import kept_folders
from heatproof.preparation.opening import identified
from heatproof.preparation.plan import settings_of
from heatproof.report.questions import compared_models
from heatproof.run.pipeline import run
from heatproof.saliency import explain, methods
from heatproof.types import MapKey
from tests.conftest import ROOT
from tests.phantom_sets import sets

SCALING = '{ geometry = "squash(height=48, width=48)", channels = 1, mean = [0.5], std = [0.25] }'
PLAN = 'data = "train", validation = "validation"'
EXPERIMENT = f"""
name = "Together"
output = "out"

{sets()}
[[models]]
name = "ones"
backbone = "resnet10t(width=8)"
data = []
seeds = [0, 1]
scaling = {SCALING}
training = {{ {PLAN}, settings = {{ max_epochs = 3, keep = 3, uncertain = "ones" }} }}

[[models]]
name = "three classes"
backbone = "resnet10t(width=8)"
head = "softmax(classes=3)"
data = []
scaling = {SCALING}
training = {{ {PLAN}, settings = {{ max_epochs = 2, keep = 2, uncertain = "class" }} }}

[[models]]
name = "ensemble"
ensemble = {{ of = ["ones", "three classes"], best = 4 }}

[explain]
methods = ["grad_cam", "gradient"]

[trust]
criteria = ["randomization(draws=1)"] # asked of single networks alone

[classification]
validation = "validation"

[statistics]
resamples = 100
min_positives = 1

[report]
gallery = 1
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    file = tmp_path_factory.mktemp("together") / "together.toml"
    file.write_text(EXPERIMENT)
    return file, run(load(file))


def pool(file):
    """Every kept checkpoint, the models in the order of the file."""
    models = sorted((file.parent / "out/models").iterdir())
    return [place for model in models[1:] for place in kept_folders(model)]


def auroc(place, work) -> float:
    network, _ = cards.load(place)
    samples = work.data["validation"].samples
    images = torch.stack([network.preprocessing.tensor(s.pixels.read()) for s in samples])
    with torch.no_grad():
        logits = network(images)[:, 0]
    return roc_auc_score([s.labels["Nodule"] for s in samples], logits)


def test_the_best_checkpoints_on_validation_are_chosen(finished):
    file, _ = finished
    work = open_workspace(load(file))
    places = pool(file)
    assert len(places) == 3 + 3 + 2
    aurocs = [auroc(place, work) for place in places]
    told = [cards.read_card(place).metrics["validation AUROC of Nodule"] for place in places]
    assert told == pytest.approx(aurocs)
    together = next((file.parent / "out/models").glob("ensemble-*"))
    content = json.loads((together / "ensemble.json").read_text())
    chosen = {(together / one["folder"]).resolve() for one in content["members"]}
    best = sorted(range(len(places)), key=lambda index: -told[index])[:4]
    assert chosen == {places[index].resolve() for index in best}


def test_probabilities_and_maps_are_the_means_of_the_members(finished):
    file, report = finished
    work = open_workspace(load(file))
    together = next((file.parent / "out/models").glob("ensemble-*"))
    ensemble, card = ensembles.load(together)
    content = json.loads((together / "ensemble.json").read_text())
    members = [cards.load(together / one["folder"])[0] for one in content["members"]]
    assert len(members) == 4
    predictions = pl.read_parquet(report.parent / "predictions.parquet")
    assert set(predictions["model"]) == {"ensemble"}  # its members judge nothing alone
    id_ = identified(ensemble, card).id
    for sample in work.data["test"].samples[:3]:
        image = ensemble.preprocessing.tensor(sample.pixels.read())[None]
        parts = methods.parts(["grad_cam", "gradient"])
        alone = [explain(parts, member, image, [0]) for member in members]
        (told,) = predictions.filter(
            (pl.col("image_id") == sample.image_id) & (pl.col("data") == "test")
        )["probability"]
        assert told == pytest.approx(np.mean([float(one.probabilities) for one in alone]))
        for method in parts:
            kept = work.store("test").get(MapKey(id_, method, sample.image_id, "Nodule"))
            mean = torch.stack([one.maps[method].values[0, 0] for one in alone]).mean(dim=0)
            np.testing.assert_allclose(kept.values, mean.numpy(), rtol=1e-4, atol=1e-6)


def test_the_page_says_what_it_is_and_a_second_run_does_nothing(finished):
    file, report = finished
    page = report.read_text()
    assert "checkpoints chosen by validation AUROC (Nodule 4)" in page
    assert "linear; softmax(classes=3)" in page
    models = report.parent / "models"
    times = {f: f.stat().st_mtime_ns for f in models.rglob("*.json")}
    assert run(load(file)).read_text() == page
    assert {f: f.stat().st_mtime_ns for f in models.rglob("*.json")} == times


def test_no_flipped_byte_of_an_ensemble_is_believed(finished, tmp_path):
    together = next((finished[0].parent / "out/models").glob("ensemble-*"))
    file, copy = together / "ensemble.json", together.with_name("copy")
    good, (_, before) = file.read_bytes(), ensembles.load(together)
    copy.mkdir()
    try:
        for place in range(0, len(good), 5):
            altered = good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
            (copy / file.name).write_bytes(altered)
            try:
                assert ensembles.load(copy)[1] == before
            except ModelError:
                continue
    finally:
        shutil.rmtree(copy)


def test_an_ensemble_is_opened_from_its_folder_elsewhere(finished, tmp_path):
    file, _ = finished
    together = next((file.parent / "out/models").glob("ensemble-*"))
    text = EXPERIMENT[: EXPERIMENT.index("[[models]]")]
    text += f'[[models]]\nname = "ensemble"\ncard = "{together}"\n'
    (tmp_path / "again.toml").write_text(text + EXPERIMENT[EXPERIMENT.index("[explain]") :])
    assert run(load(tmp_path / "again.toml"), until="explain") == tmp_path / "out/maps"
    first, second = (
        pl.concat(map(pl.read_parquet, sorted((folder / "out/predictions").iterdir())))
        for folder in (file.parent, tmp_path)
    )
    columns = ["data", "image_id", "probability"]
    assert first.select(columns).sort(columns).equals(second.select(columns).sort(columns))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('of = ["ones", ', 'of = ["one", ', "no earlier model is named .one.; did you mean ones"),
        ('of = ["ones", ', 'of = ["ensemble", ', "no earlier model is named 'ensemble'"),
        ("best = 4", "best = 0", "greater than or equal to 1"),
        ("best = 4", "bests = 4", "did you mean best"),
        ("best = 4 }", f"best = 4 }}\nscaling = {SCALING}", "are those of"),
        ('uncertain = "class"', 'uncertain = "class", by = "study"', "has by = image"),
        ('resnet10t(width=8)"\nhead', 'resnet10t(width=16)"\nhead', "has backbone = resnet10t"),
        ('backbone = "resnet10t(width=8)"\nhead = "softmax(classes=3)"',
         'localizer = "unet(backbone=resnet10t(width=8), width=8)"', "is a localizer"),
        ("randomization(draws=1)", "repeatability", "repeatability needs two.*there are: ensemble"),
    ],
)  # fmt: skip
def test_mistakes_are_answered_before_anything_is_trained(tmp_path, old, new, message):
    assert old in EXPERIMENT
    text = EXPERIMENT.replace(old, new).replace('uncertain = "class"', 'uncertain = "ones"')
    (tmp_path / "e.toml").write_text(text)
    with pytest.raises(ExperimentError, match=message):
        run(load(tmp_path / "e.toml"))
    assert not (tmp_path / "out/models").exists()


def test_a_finding_that_validation_cannot_judge_has_no_ensemble(finished, tmp_path):
    """Seen on the cards: a model that was trained elsewhere, on validation films of one kind."""
    file, _ = finished
    place = pool(file)[0]
    card = json.loads((place / "card.json").read_text())
    del card["sha256"]  # as one does who changes a card
    (weights,) = place.glob("*.safetensors")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / weights.name).write_bytes(weights.read_bytes())
    text = EXPERIMENT[: EXPERIMENT.index("[[models]]")]
    text += '[[models]]\nname = "one"\ncard = "elsewhere"\ndata = []\n'
    text += '[[models]]\nname = "ensemble"\nensemble = { of = ["one"] }\n'
    (tmp_path / "e.toml").write_text(text + EXPERIMENT[EXPERIMENT.index("[explain]") :])
    for change, message in (
        ({"validation AUROC of Nodule": None}, "not both positive and negative films of 'Nodule'"),
        ({}, "does not say the validation AUROC of Nodule"),
    ):
        card["metrics"] = change
        (tmp_path / "elsewhere/card.json").write_text(json.dumps(card))
        with pytest.raises(ModelError, match=message):
            run(load(tmp_path / "e.toml"))


def test_the_checkpoints_of_the_papers_are_one_file():
    """Per architecture 4 policies x 3 runs x 10 checkpoints, of which 10 count for each finding."""
    experiment = load(ROOT / "experiments/chexpert_ensembles.toml")
    models = {model.name: model for model in experiment.models}
    ensembles = [model for model in models.values() if model.ensemble]
    together = [model for model in ensembles if model.ensemble.best > 1]
    assert len(together) == 3
    assert [f"{one.name.partition(',')[0]}, best checkpoint" for one in together] == [
        model.name for model in ensembles if model not in together
    ]
    assert (
        len(compared_models(experiment)) == 3
    )  # each ensemble beside the best checkpoint of its members
    for model in together:
        members = [models[name] for name in model.ensemble.of]
        settings = [settings_of(member) for member in members]
        assert sum(one.keep for one in settings) == 120
        assert {one.uncertain for one in settings} == {"ignore", "zeroes", "ones", "class"}
        assert model.ensemble.best == 10
        assert all(member.data == [] for member in members)
        assert len({member.backbone for member in members}) == 1
