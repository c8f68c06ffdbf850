"""The owner's outputs are compared with ours, and the cause of a difference is named."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from heatproof.data.geometry import Squash
from heatproof.data.geometry.crops import CenterCrop
from heatproof.data.intensities import intensities
from heatproof.data.interpolations import interpolations
from heatproof.data.pixels import ArrayPixels
from heatproof.errors import DataError, ModelError
from heatproof.experiment.file import load
from heatproof.experiment.workspace import open_workspace
from heatproof.models import card as cards
from heatproof.models import ensemble as ensembles
from heatproof.models.adapter import Adapted
from heatproof.models.card import ModelCard
from heatproof.models.classifier import build
from heatproof.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from heatproof.preparation.expected import Expected, check_expected, read_expected
from heatproof.preparation.setups import Films, Setup, outputs_of
from heatproof.run.pipeline import check_experiment
from heatproof.types import ModelId, Sample
from tests.phantom_sets import sets

OURS = Preprocessing(Squash(48, 48))
FINDINGS = ("Opacity", "Effusion")


class Net(nn.Module):
    """Sees grain, brightness and place, so that every cause shows."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, 2, 1),
            nn.ReLU(),
        )
        self.head = nn.Linear(8 * 12 * 12, 2)

    def forward(self, images):
        return 40 * self.head(self.body(images).flatten(1))


@pytest.fixture(scope="module")
def films():
    generator = np.random.default_rng(0)
    samples = []
    for index in range(5):
        film = generator.random((150 + 20 * index, 190)).astype(np.float32)
        film[40:90, 30 : 60 + 20 * index] *= 0.3
        film = np.rint(film * 255).astype(np.float32) / 255
        samples.append(Sample(f"film{index}.png", ArrayPixels(film)))
    return samples


@pytest.fixture(scope="module")
def model():
    return Adapted(Net().eval(), "body", FINDINGS, OURS)


def seen(model, films, setup):
    """What an owner sees who sets the model up like that."""
    pixels = Films(tuple(one.image_id for one in films), tuple(one.pixels.read() for one in films))
    return Expected(pixels.names, outputs_of(model, pixels, setup))


def changed(**changes):
    return Setup(dataclasses.replace(OURS, **changes), "logits")


ALIASED = "opencv or torch(antialias=False)"


def resampled(spec):
    return changed(geometry=Squash(48, 48, interpolations.parse(spec)))


def scaled(spec, **changes):
    return changed(after=(intensities.parse(spec),), **changes)


CAUSES = {
    "opencv": resampled("opencv"),
    "antialias=False": resampled("torch(antialias=False)"),
    "mode='bicubic'": resampled("pillow(mode='bicubic')"),
    "not normalized": changed(mean=(0.0,), std=(1.0,)),
    "BGR": changed(mean=IMAGENET_MEAN[::-1], std=IMAGENET_STD[::-1]),
    "own mean and deviation": scaled("z_score", mean=(0.0,), std=(1.0,)),
    "not divided by 255": scaled("to_range(low=0.0, high=255.0)"),
    "then cropped": changed(geometry=CenterCrop(48, 48, 53)),
    "clahe": changed(before=(intensities.parse("clahe"),)),
    "inverted": Setup(OURS, "logits", film=lambda film: 1 - film),
    "divided by 65535": Setup(OURS, "logits", film=lambda film: film * np.float32(255 / 65535)),
    "sigmoid twice": Setup(OURS, "probabilities", read=lambda logits: logits.sigmoid().sigmoid()),
    "softmax": Setup(OURS, "probabilities", read=lambda logits: logits.softmax(1)),
    "exchanged": Setup(OURS, "logits", read=lambda logits: logits.flip(1)),
    "training mode": Setup(OURS, "logits", training="together"),
}  # fmt: skip


@pytest.mark.parametrize("cause", CAUSES)
def test_the_cause_of_a_difference_is_named(cause, model, films):
    theirs = seen(model, films, CAUSES[cause])
    with pytest.raises(ModelError) as told:
        check_expected(model, theirs, films, "ours")
    text = str(told.value)
    assert "of 5 films, 5 differ" in text
    assert "Nothing that was tried" not in text
    # OpenCV, and PyTorch without antialias, look at the same four pixels.
    assert cause in text.partition("found).")[2].replace("torch(antialias=False)", ALIASED)


def test_two_causes_together_are_named(model, films):
    theirs = seen(
        model,
        films,
        changed(geometry=Squash(48, 48, interpolations.parse("opencv")), mean=(0.0,), std=(1.0,)),
    )
    with pytest.raises(ModelError, match=r"not normalized.*(opencv|antialias=False)"):
        check_expected(model, theirs, films, "ours")


def test_outputs_that_agree_say_nothing(model, films):
    for kind in ("logits", "probabilities"):
        theirs = seen(model, films, Setup(OURS, kind))
        assert theirs.kinds == (kind,)
        check_expected(model, theirs, films, "ours")
    rounded = Expected(theirs.films, np.round(theirs.values, 2))
    check_expected(model, rounded, films, "ours")


def test_another_network_is_not_explained_away(model, films):
    theirs = Expected(
        tuple(one.image_id for one in films), np.random.default_rng(1).normal(size=(5, 2))
    )
    with pytest.raises(ModelError, match=r"Nothing that was tried explains it|No likely cause"):
        check_expected(model, theirs, films, "ours")


def test_a_model_is_left_as_it_was(model, films):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ModelError):
        check_expected(model, seen(model, films, CAUSES["training mode"]), films, "ours")
    assert not any(module.training for module in model.network.modules())
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_films_are_found_by_name_with_or_without_its_end(tmp_path, films, model):
    theirs = seen(model, films, Setup(OURS, "logits")).values
    table = tmp_path / "logits.csv"
    rows = [f"some/folder/film{n}.png,{a},{b}" for n, (a, b) in enumerate(theirs)]
    table.write_text("\n".join(["file,Opacity,Effusion", *rows]))
    check_expected(model, read_expected("logits.csv", FINDINGS, tmp_path), films, "ours")
    named = {f"film{n}": list(row) for n, row in enumerate(theirs)}
    check_expected(model, read_expected(named, FINDINGS, tmp_path), films, "ours")
    one = {"film0": {"Effusion": float(theirs[0, 1])}}
    check_expected(model, read_expected(one, FINDINGS, tmp_path), films, "ours")


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({}, "holds no film"),
        ({"film0": [1.0]}, "1 output for film0; expected one for each finding"),
        ({"film0": {"Opasity": 1.0}}, "did you mean Opacity"),
        ({"film0": {"Opacity": float("nan")}}, "holds no number"),
        ({"film0": "high"}, "'high' of film0; expected a number"),
        ({"film0": {"Opacity": None}}, "None of film0; expected a number"),
        ("nothing.csv", "no such table"),
    ],
)
def test_what_is_no_expectation_is_refused(said, text, tmp_path):
    with pytest.raises(DataError, match=text):
        read_expected(said, FINDINGS, tmp_path)


def test_an_output_that_is_no_number_is_not_what_was_expected(films):
    class Broken(Net):
        def forward(self, images):
            return super().forward(images) * torch.tensor([1.0, float("nan")])

    whole = Adapted(Net().eval(), "body", FINDINGS, OURS)
    theirs = seen(whole, films, Setup(OURS, "logits"))
    broken = Adapted(Broken().eval(), "body", FINDINGS, OURS)
    with pytest.raises(ModelError, match=r"by up to inf in logits .*Effusion.*nan found"):
        check_expected(broken, theirs, films, "ours")
    # What nobody asks about may be anything.
    silent = Expected(theirs.films, theirs.values * [1, np.nan])
    check_expected(broken, silent, films, "ours")


def test_the_cure_of_a_softmax_is_one(films):
    classes = Adapted(Net().eval(), "body", FINDINGS, OURS, outputs="softmax")
    theirs = seen(classes, films, Setup(OURS, "probabilities"))
    check_expected(classes, theirs, films, "ours")
    with pytest.raises(ModelError, match='say outputs = "softmax"'):
        check_expected(Adapted(Net().eval(), "body", FINDINGS, OURS), theirs, films, "ours")


def test_films_that_are_nowhere_are_refused(model, films):
    with pytest.raises(DataError, match="no data set has one"):
        check_expected(model, Expected(("zebra",), np.zeros((1, 2))), films, "ours")


def test_a_table_without_the_findings_is_refused(tmp_path):
    (tmp_path / "logits.csv").write_text("file,a,b\nfilm0,1,2\n")
    with pytest.raises(DataError, match="expected one for each finding: Opacity, Effusion"):
        read_expected("logits.csv", FINDINGS, tmp_path)


def test_outputs_of_an_ensemble_are_not_compared_with_those_of_one_network(tmp_path):
    chosen = np.ones((1, 1), bool)
    member = build(
        "resnet10t(width=8)", "linear", ["Nodule"], Preprocessing(Squash(48, 48)), seed=0
    )
    identity = ModelId("resnet10t(width=8)", "linear", checkpoints=("x",))
    card = ModelCard(identity, member.findings, member.preprocessing)
    cards.save(member, card, tmp_path / "member")
    ensembles.save([tmp_path / "member"], chosen, tmp_path / "pool")
    entry = (
        '[[models]]\nname = "ours"\ncard = "pool"\nexpect = { "0" = 0.5 }\n'
        '[explain]\nmethods = ["gradient"]\n'
    )
    (tmp_path / "one.toml").write_text(f'name = "one"\n{sets()}\n{entry}')
    with pytest.raises(ModelError, match="this card holds an ensemble: leave expect out"):
        check_experiment(open_workspace(load(tmp_path / "one.toml")))
