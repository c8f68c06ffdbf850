"""A model comes back from its folder as it was, or not at all."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from heatproof.data.geometry import Squash
from heatproof.data.pixels import ArrayPixels
from heatproof.errors import HeatproofError, ModelError
from heatproof.models import card as module
from heatproof.models.card import (
    Cohort,
    ModelCard,
    Regions,
    hash_patient,
    load,
    read_card,
    save,
)
from heatproof.models.classifier import Classifier, build
from heatproof.models.localizers import Localizer
from heatproof.models.localizers import build as build_localizer
from heatproof.models.preprocessing import Preprocessing
from heatproof.models.weights import checksum
from heatproof.types import ModelId, Sample

FINDINGS = ("nodule", "effusion")
PREPROCESSING = Preprocessing(Squash(64, 64), channels=1, mean=(0.5,), std=(0.25,))
NARROW = "resnet10t(width=16)"
CARD = ModelCard(
    ModelId(NARROW, "wildcat(maps=2)", data="phantom", seed=3),
    FINDINGS,
    PREPROCESSING,
    trained_on=Cohort("phantom", (hash_patient("a"), hash_patient("b"))),
    metrics={"auroc": 0.97, "auprc": math.nan},
)


def model(seed: int = 3) -> Classifier:
    return build(NARROW, "wildcat(maps=2)", FINDINGS, PREPROCESSING, seed=seed)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(model(), CARD, tmp_path / "model")
    return tmp_path / "model"


def edit(folder: Path, change) -> None:
    values = json.loads((folder / "card.json").read_text())
    change(values)
    del values["sha256"]  # as a person does who means it
    (folder / "card.json").write_text(json.dumps(values))


def test_a_model_round_trips_with_its_card(folder: Path) -> None:
    back, card = load(folder)
    images = torch.randn(2, 1, 64, 64)
    assert torch.equal(back(images), model()(images))
    (weights,) = folder.glob("*.safetensors")
    assert card.id.checkpoints == (checksum(weights),)
    assert math.isnan(card.metrics["auprc"])
    unsaved = replace(card, id=replace(card.id, checkpoints=()), metrics=CARD.metrics)
    assert unsaved == CARD
    assert not back.training


LOCALIZERS = {
    "retinanet(backbone=resnet10t(width=16), width=32, score=0.2)": Regions("boxes", "me", 7),
    "unet(backbone=resnet10t(width=16), width=8)": Regions("masks", "reference", 1),
}


@pytest.mark.parametrize("spec", LOCALIZERS)
def test_a_localizer_round_trips_with_its_card(spec: str, tmp_path: Path) -> None:
    network = build_localizer(spec, FINDINGS, PREPROCESSING, seed=3)
    card = replace(
        CARD, id=ModelId(spec, "", "phantom"), pretrained="file a.pt", regions=LOCALIZERS[spec]
    )
    save(network, card, tmp_path)
    back, read = load(tmp_path)
    assert isinstance(back, Localizer)
    assert (back.spec, back.pretrained, back.training) == (network.spec, "file a.pt", False)
    assert read == replace(card, id=read.id, metrics=read.metrics)
    assert (read.id.architecture, read.id.head) == (spec, "")
    assert str(read.id) == f"{spec} on phantom, seed 0"
    images = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        assert torch.equal(back(images).maps, network(images).maps)
        assert torch.equal(back(images).probabilities, network(images).probabilities)


def test_the_card_of_a_localizer_says_regions_and_no_head(folder: Path, tmp_path: Path) -> None:
    assert "regions" not in json.loads((folder / "card.json").read_text())
    regions = Regions("masks", "reference", 1)
    guided = replace(CARD, regions=regions)
    save(model(), guided, tmp_path / "guided")
    back, card = load(tmp_path / "guided")
    assert isinstance(back, Classifier)
    assert card.regions == regions
    with pytest.raises(ModelError, match="says its regions"):
        save(model(), replace(guided, id=ModelId(NARROW, "")), tmp_path)
    spec = "unet(backbone=resnet10t(width=16), width=8)"
    with pytest.raises(ModelError, match="says its regions"):
        save(build_localizer(spec, FINDINGS, PREPROCESSING), CARD, tmp_path)
    save(
        build_localizer(spec, FINDINGS, PREPROCESSING),
        replace(CARD, id=ModelId(spec, ""), regions=regions), tmp_path,
    )  # fmt: skip
    edit(tmp_path, lambda values: values["regions"].update(kind="dots"))
    with pytest.raises(ModelError, match="regions"):
        load(tmp_path)


def test_saving_again_replaces_the_weights(folder: Path) -> None:
    card = save(model(seed=4), CARD, folder)
    assert load(folder)[1].id == card.id
    assert len(list(folder.iterdir())) == 2


def test_a_save_that_dies_leaves_the_old_model(folder: Path, monkeypatch) -> None:
    before = read_card(folder)
    monkeypatch.setattr(module, "sealed", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save(model(seed=4), CARD, folder)
    assert load(folder)[1] == before


def test_a_full_disk_is_told_and_leaves_the_old_model(folder: Path, full_at) -> None:
    before, names = load(folder)[1], set(folder.iterdir())
    for size in (100_000, 100):  # not enough for weights, nor for a card
        with full_at(size), pytest.raises(ModelError, match=r"cannot write to .*File too large"):
            save(model(seed=4), CARD, folder)
        assert load(folder)[1] == before
        assert set(folder.iterdir()) == names


def test_damaged_weights_are_noticed(folder: Path) -> None:
    (weights,) = folder.glob("*.safetensors")
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ModelError, match="damaged or was replaced"):
        load(folder)
    weights.unlink()
    with pytest.raises(ModelError, match="no such file, but"):
        load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card: card["id"].update(architecture="resnet18"), "of another architecture"),
        (lambda card: card["id"].update(head="linear"), r"unknown head.transfer|lacks head.class"),
        (lambda card: card.update(findings=["nodule"]), r"\(1 findings\)"),
        (lambda card: card.update(finding=[]), "unknown field 'finding'; did you mean findings"),
        (lambda card: card["id"].update(sead=1), "id has an unknown field 'sead'"),
        (lambda card: card.pop("metrics"), "lacks metrics"),
        (lambda card: card["id"].update(seed="one"), r"id.seed.*integer.*'one'"),
        (lambda card: card["id"].update(checkpoints=[]), "names 0 checkpoints"),
        (lambda card: card.update(format=99), "not a model card of format 1"),
        (lambda card: card["preprocessing"].pop("mean"), "preprocessing has the fields"),
    ],
)
def test_cards_that_do_not_fit_are_refused(folder: Path, change, message: str) -> None:
    edit(folder, change)
    with pytest.raises(ModelError, match=message):
        load(folder)


def test_what_is_no_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"is .* the folder of a model"):
        load(tmp_path)
    (tmp_path / "card.json").write_text("{")
    with pytest.raises(ModelError, match="not a card as it was written"):
        load(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"[" * 200_000,
        b'{"format": 1}',
        b'{"format": ' + b"9" * 5000 + b"}",
    ],
)
def test_whatever_stands_in_a_card_is_answered(folder: Path, text: bytes) -> None:
    (folder / "card.json").write_bytes(text)
    with pytest.raises(ModelError, match=r"card\.json"):
        load(folder)


@pytest.mark.parametrize("value", [None, [], 3, {"geometry": {}}, {"mean": None}])
def test_whatever_stands_under_preprocessing_is_answered(folder: Path, value) -> None:
    def change(card):
        inner = card["preprocessing"] | value if isinstance(value, dict) else value
        card["preprocessing"] = inner

    edit(folder, change)
    with pytest.raises(HeatproofError):
        load(folder)


def test_no_flipped_byte_of_a_card_is_believed(folder: Path) -> None:
    good = (folder / "card.json").read_bytes()
    before = read_card(folder)
    for place in range(len(good)):
        altered = good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
        (folder / "card.json").write_bytes(altered)
        try:
            assert read_card(folder) == before, place  # such as a space for another
        except ModelError:
            continue


def test_a_card_of_another_model_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="other findings"):
        save(model(), replace(CARD, findings=("nodule",)), tmp_path)


def test_a_cohort_knows_its_patients_without_naming_them() -> None:
    pixels = ArrayPixels(np.zeros((2, 2), dtype=np.float32))
    samples = [Sample("1", pixels, patient_id="Ann"), Sample("2", pixels, patient_id="Ann")]
    cohort = Cohort.of("ward", samples)
    assert len(cohort.patients) == 1
    assert "Ann" not in str(cohort)
    assert cohort.shared([*samples, Sample("3", pixels, patient_id="Bob")]) == 1
