"""Localizers in an experiment: trained beside a classifier, and judged in the same tables."""

import math

import polars as pl
import pytest
import torch

from heatproof.data.geometry import Squash
from heatproof.errors import ExperimentError, Several
from heatproof.experiment.file import load
from heatproof.experiment.workspace import open_workspace
from heatproof.models.card import load as load_model
from heatproof.models.card import read_card
from heatproof.models.localizers import Localizer, build
from heatproof.models.preprocessing import Preprocessing
from heatproof.preparation.folders import trained_folder
from heatproof.preparation.opening import identified
from heatproof.run.pipeline import run
from heatproof.saliency.localizer import localize
from heatproof.types import MapKey, Validity
from tests.phantom_sets import sets

SCALING = '{ geometry = "squash(height=48, width=48)", channels = 1, mean = [0.5], std = [0.25] }'
TRAINING = '{ data = "train", validation = "validation", settings = { max_epochs = 1, batch = 8 } }'
RETINANET = "retinanet(backbone=resnet10t(width=16), width=32, frozen_norm=False)"
UNET = "unet(backbone=resnet10t(width=16), width=8)"
EXPERIMENT = f"""
name = "References"
output = "out"
trust = false

{sets(12)}
[[models]]
name = "classifier"
backbone = "resnet10t(width=16)"
scaling = {SCALING}
training = {TRAINING}

[[models]]
name = "detector"
localizer = "{RETINANET}"
scaling = {SCALING}
training = {TRAINING}

[[models]]
name = "segmenter"
localizer = "{UNET}"
scaling = {SCALING}
training = {TRAINING}

[explain]
methods = ["class_map", "grad_cam"]

[statistics]
resamples = 100
min_positives = 1

[report]
gallery = 1
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    file = tmp_path_factory.mktemp("references") / "references.toml"
    file.write_text(EXPERIMENT)
    return file, run(load(file))


def folder_of(file, name):
    return next((file.parent / "out/models").glob(f"{name}-*"))


def test_every_model_is_in_every_table_with_its_own_maps(finished):
    _, report = finished
    predictions = pl.read_parquet(report.parent / "predictions.parquet")
    counts = dict(predictions.group_by("model").len().iter_rows())
    assert counts == {"classifier": 12, "detector": 12, "segmenter": 12}
    assert predictions["probability"].is_between(0, 1).all()
    scores = pl.read_parquet(report.parent / "scores.parquet")
    explained = scores.filter(pl.col("model") != "")
    assert set(explained.select("model", "method").unique().iter_rows()) == {
        ("classifier", "class_map"), ("classifier", "grad_cam"),
        ("detector", "detection"), ("segmenter", "segmentation"),
    }  # fmt: skip
    marked = scores.filter((pl.col("metric") == "iou") & (pl.col("method") == "class_map"))
    for method in ("detection", "segmentation"):
        rows = scores.filter((pl.col("metric") == "iou") & (pl.col("method") == method))
        assert sorted(rows["image_id"]) == sorted(marked["image_id"])


def test_the_page_says_what_they_are_and_what_they_were_shown(finished):
    file, report = finished
    page = report.read_text()
    images = read_card(folder_of(file, "detector")).regions.images
    work = open_workspace(load(file))
    assert images == sum(bool(sample.annotations) for sample in work.data["train"].samples) > 0
    assert f"boxes by reference on {images} films" in page
    assert f"masks by reference on {images} films" in page
    for said in ("RetinaNet detection", "U-Net segmentation", "its own", RETINANET, UNET):
        assert said in page
    assert "Imported as another tool made it" not in page
    assert page.lower().count("<dt>learned from") == 2


def test_what_is_stored_is_what_the_network_says(finished):
    file, report = finished
    work = open_workspace(load(file))
    predictions = pl.read_parquet(report.parent / "predictions.parquet")
    for name, method in (("detector", "detection"), ("segmenter", "segmentation")):
        network, card = load_model(folder_of(file, name))
        assert isinstance(network, Localizer)
        assert (card.id.head, card.temperatures) == ("", ())
        assert network.pretrained == "random"
        told = predictions.filter(pl.col("model") == name)
        store = work.store("test")
        id_ = identified(network, card).id
        for sample in work.data["test"].samples[:4]:
            image = network.preprocessing.tensor(sample.pixels.read())[None]
            with torch.no_grad():
                found = network(image)
            kept = store.get(MapKey(id_, method, sample.image_id, "Nodule"))
            assert torch.equal(torch.from_numpy(kept.values), found.maps[0, 0])
            (probability,) = told.filter(pl.col("image_id") == sample.image_id)["probability"]
            assert probability == float(found.probabilities[0, 0])


def test_a_second_run_does_nothing_and_says_the_same(finished):
    file, report = finished
    before = report.read_bytes()
    times = {f: f.stat().st_mtime_ns for f in report.parent.rglob("*.safetensors")}
    assert len(times) == 3
    assert run(load(file)).read_bytes() == before
    assert {f: f.stat().st_mtime_ns for f in report.parent.rglob("*.safetensors")} == times


def test_a_film_on_which_nothing_is_found_has_a_zero_map_that_is_scored_as_one(finished):
    """Ranked at random where a map ranks pixels; undefined where it would have to choose some."""
    _, report = finished
    told = pl.read_parquet(report.parent / "predictions.parquet")
    nothing = told.filter((pl.col("model") == "detector") & (pl.col("probability") == 0))
    scores = pl.read_parquet(report.parent / "scores.parquet")
    rows = scores.filter(
        (pl.col("method") == "detection") & pl.col("image_id").is_in(nothing["image_id"].implode())
    )
    assert len(rows)  # one round teaches a detector to find nothing
    assert set(rows["validity"]) == {Validity.ZERO.value}
    values = {metric: part["value"] for (metric,), part in rows.group_by("metric")}
    assert values["iou"].is_nan().all()
    assert values["hit_rate"].is_nan().all()
    assert (values["auroc"] == 0.5).all()
    assert values["auprc"].is_between(0, 0.2, closed="none").all()  # the marked share of the film
    assert "zero" in report.read_text().partition("RetinaNet detection")[2]


def test_localize_judges_every_map_and_names_it_by_its_kind():
    preprocessing = Preprocessing(Squash(48, 48), channels=1, mean=(0.5,), std=(0.25,))
    network = build(RETINANET, ("a", "b", "c"), preprocessing)
    images = torch.randn(2, 1, 48, 48)
    found = localize(network, images, [2, 0])
    assert not found.probabilities.any()
    assert found.logits.isfinite().all()
    assert found.validity == {"detection": ((Validity.ZERO,) * 2,) * 2}
    network = build(UNET, ("a", "b", "c"), preprocessing)
    found = localize(network, images, [2, 0])
    with torch.no_grad():
        alone = network(images[1:])
    assert torch.equal(found.maps["segmentation"].values[1], alone.maps[0, [2, 0]])
    assert torch.equal(found.probabilities[1], alone.probabilities[0].double())
    assert torch.allclose(found.logits.sigmoid(), found.probabilities)
    images[0] = math.nan
    assert localize(network, images, [1]).validity["segmentation"] == (
        (Validity.NOT_FINITE,), (Validity.OK,),
    )  # fmt: skip


def changed(tmp_path, *changes):
    text = EXPERIMENT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "changed.toml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ([("unet(backbone=resnet10t(width=16)", "unet(backbone=vit_small")], ExperimentError,
         "'segmenter'.*makes tokens of 64 x 64"),
        ([(UNET, "unet(backbone=resnet81)")], ExperimentError,
         "'segmenter'.*no backbone is named 'resnet81'"),
        ([('"unet(', '"unett(')], ExperimentError, "'segmenter'.*did you mean unet"),
        ([(", frozen_norm=False", "")], ExperimentError,
         "'detector'.*statistics.*frozen_norm=False, or start"),
        ([(f'"{UNET}"\n', f'"{UNET}"\nhead = "wildcat"\n')], ExperimentError,
         "'segmenter'.*leave head out"),
        ([("batch = 8", 'batch = 8, balance = "loss"')], Several, "is for classifiers"),
        ([("batch = 8", 'batch = 8, source = "me"')], Several,
         "'detector', training.data 'train': no training image.*by 'me'.*say source"),
        ([(f'"{UNET}"\n', f'"{UNET}"\nbackbone = "resnet10t"\n')], ExperimentError,
         "needs one of card, module, backbone, architectures, localizer or ensemble"),
    ],
)  # fmt: skip
def test_mistakes_are_answered_before_anything_is_trained(tmp_path, changes, error, message):
    file = changed(tmp_path, *changes)
    with pytest.raises(error, match=f"(?s){message}"):
        run(load(file))
    assert not (tmp_path / "out/models").exists()


def test_a_localizer_needs_its_training_and_no_methods(tmp_path):
    head, _, rest = EXPERIMENT.partition('[[models]]\nname = "classifier"')
    (tmp_path / "one.toml").write_text(f"{head}[[models]]{rest.partition('[[models]]')[2]}")
    alone = (tmp_path / "one.toml").read_text().partition("[explain]")[0]
    (tmp_path / "one.toml").write_text(alone)
    assert [model.name for model in load(tmp_path / "one.toml").models] == ["detector", "segmenter"]
    (tmp_path / "one.toml").write_text(alone.replace(f"training = {TRAINING}", ""))
    with pytest.raises(ExperimentError, match="'detector' is a localizer: say its training"):
        load(tmp_path / "one.toml")
    (tmp_path / "one.toml").write_text(f'{alone}\nexpect = "seen.csv"\n')
    with pytest.raises(ExperimentError, match="nobody has seen its outputs: expect is for a card"):
        load(tmp_path / "one.toml")


@pytest.mark.slow
def test_a_localizer_starts_from_the_backbone_of_a_classifier(tmp_path):
    start = (
        f'"{RETINANET}"\nscaling = {SCALING}\ntraining = {TRAINING}',
        f'"{RETINANET.replace(", frozen_norm=False", "")}"\nscaling = {SCALING}\n'
        + 'training = { start = "classifier", data = "train", validation = "validation",'
        + " settings = { max_epochs = 2, batch = 8 } }",
    )
    file = changed(tmp_path, start)
    run(load(file), until="train")
    classifier, _ = load_model(folder_of(file, "classifier"))
    detector, card = load_model(folder_of(file, "detector"))
    assert card.pretrained == "backbone of 'classifier'"
    ours, theirs = detector.backbone.state_dict(), classifier.backbone.state_dict()
    same = {name for name in theirs if torch.equal(ours[name], theirs[name])}
    # The statistics of batch norm are those that it came with, and everything else was trained.
    assert same == {name for name, _ in classifier.backbone.named_buffers()}
    file = changed(tmp_path, start, ('backbone = "resnet10t(width=16)"', 'backbone = "resnet10t"'))
    with pytest.raises(ExperimentError, match="no earlier model with the backbone"):
        run(load(file), until="train")


def test_another_localizer_is_another_model(finished):
    file, _ = finished
    names = set((file.parent / "out/models").iterdir())
    experiment = load(file)
    work = open_workspace(experiment)
    segmenter = experiment.models[2]
    assert trained_folder(work, segmenter) in names
    same = segmenter.model_copy(update={"localizer": UNET.replace("width=8)", " width=8) ")})
    assert trained_folder(work, same) in names
    other = segmenter.model_copy(update={"localizer": UNET.replace("width=8)", "width=16)")})
    assert trained_folder(work, other) not in names
