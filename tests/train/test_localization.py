"""Training localizers: what they are shown, what is validated, and going on after a kill."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars
import pytest
import torch

from heatproof.data.annotations import Boxes, Points
from heatproof.errors import AnnotationError, DataError, ModelError, SpecError
from heatproof.models.card import Regions
from heatproof.models.localizers import Localizer, build
from heatproof.train import CURVE, fit
from heatproof.train.images import Images, InTurn, loader
from heatproof.train.labels import label_matrix
from heatproof.train.learner import mean_auroc
from heatproof.train.localization import LocalizationObjective
from heatproof.train.settings import Settings, TrainingProgress
from heatproof.types import Annotation
from tests.train.toys import PREPROCESSING, QUICK, SIDE, Listed, blobs

SPECS = {
    "retinanet": "retinanet(backbone=resnet10t(width=16), anchors=(8.0, 16.0), width=32,"
    " frozen_norm=False)",
    "unet": "unet(backbone=resnet10t(width=16), width=8)",
}
SETTINGS = replace(QUICK, max_epochs=3, steps=2, augment=("flip", "affine"), clip=1.0, batch=8)


class Interrupted(Exception):
    """Instead of a signal."""


def localizer(name: str, findings: tuple[str, ...] = ("blob",)) -> Localizer:
    return build(SPECS[name], findings, PREPROCESSING)


def marked(count: int, seed: int, source: str = "reference") -> Listed:
    """Blobs, each with a box of nine pixels around its brightest."""
    listed = blobs(count, seed)
    samples = []
    for sample in listed.samples:
        annotations = ()
        if sample.labels["blob"]:
            y, x = np.unravel_index(sample.pixels.read().argmax(), (SIDE, SIDE))
            box = tuple(map(float, (x - 4, y - 4, x + 5, y + 5)))
            annotations = (Annotation("blob", source, Boxes((box,))),)
        samples.append(replace(sample, annotations=annotations))
    return Listed(samples)


def trained(name: str, folder: Path, stop_at: tuple[int, int] | None = None):
    def watch(now: TrainingProgress) -> None:
        if (now.epoch, now.step) == stop_at:
            raise Interrupted

    network = localizer(name)
    fitted = fit(network, marked(24, 0), marked(8, 1), SETTINGS, watch, folder)
    return network, fitted, polars.read_csv(folder / CURVE).drop("seconds").rows()


@pytest.mark.parametrize("name", SPECS)
def test_an_interrupted_training_ends_with_the_weights_of_an_unbroken_one(name, tmp_path):
    expected, whole, curve = trained(name, tmp_path / "whole")
    with pytest.raises(Interrupted):
        trained(name, tmp_path / "broken", stop_at=(3, 1))
    network, fitted, same = trained(name, tmp_path / "broken")
    assert same == curve
    assert fitted.regions == whole.regions
    for key, tensor in expected.state_dict().items():
        assert torch.equal(network.state_dict()[key], tensor), key
    other = localizer(name)  # the same shapes of weights, and other weights than it began with
    assert any(not t.equal(other.state_dict()[k]) for k, t in expected.state_dict().items())


@pytest.mark.parametrize("name", SPECS)
def test_what_the_history_says_is_true_of_the_weights_that_were_kept(name, tmp_path):
    network, fitted, _ = trained(name, tmp_path)
    assert not network.training
    films = marked(8, 1)
    images = torch.stack([PREPROCESSING.tensor(s.pixels.read()) for s in films.samples])
    labels = label_matrix(films, ("blob",))
    with torch.no_grad():
        assert mean_auroc(network(images).probabilities, labels) == fitted.history.auroc
        loss = float(network.loss(images, [network.target(s) for s in films.samples]))
    best = fitted.history.epochs[fitted.history.best]
    assert loss == pytest.approx(best.validation_loss, rel=1e-4)
    assert fitted.kept[0].temperatures == ()
    assert fitted.regions == Regions(network.regions, "reference", 12)


def test_it_learns_where_blobs_are(tmp_path):
    settings = Settings(max_epochs=40, batch=16, accelerator="cpu", lr=3e-3, augment=("flip",))
    network = localizer("unet")
    settings = replace(settings, target_auroc=0.95)
    assert fit(network, marked(64, 0), marked(32, 1), settings).history.auroc >= 0.95
    new = marked(16, 2).samples[1::2]
    images = torch.stack([PREPROCESSING.tensor(s.pixels.read()) for s in new])
    with torch.no_grad():
        maps = network(images).maps[:, 0]
    inside = torch.stack([network.target(sample).masks[0] for sample in new])
    assert maps[inside].mean() > 2 * maps[~inside].mean()


def test_annotations_of_another_training_are_refused(tmp_path):
    trained("unet", tmp_path)
    moved = marked(24, 0)
    one = moved.samples[1]
    moved.samples[1] = replace(
        one, annotations=(Annotation("blob", "reference", Boxes(((1.0, 1.0, 5.0, 5.0),))),)
    )
    with pytest.raises(ModelError, match="another data"):
        fit(localizer("unet"), moved, marked(8, 1), SETTINGS, folder=tmp_path)


def test_options_that_change_no_shape_make_another_training(tmp_path):
    trained("retinanet", tmp_path)
    spec = SPECS["retinanet"].replace("8.0, 16.0", "8.0, 32.0")
    other = build(spec, ("blob",), PREPROCESSING)
    with pytest.raises(ModelError, match="another architecture"):
        fit(other, marked(24, 0), marked(8, 1), SETTINGS, folder=tmp_path)


def test_a_finding_that_nobody_marked_is_refused():
    bare = blobs(16, 0)
    with pytest.raises(DataError, match=r"no training image has a box.*'blob'.*train a classifier"):
        fit(localizer("unet"), bare, marked(8, 1), QUICK)
    theirs = marked(16, 0, source="second reader")
    with pytest.raises(DataError, match="annotations by second reader"):
        fit(localizer("unet"), theirs, marked(8, 1), QUICK)
    dots = [
        replace(s, annotations=(Annotation("blob", "reference", Points(((3.0, 3.0),))),))
        for s in bare.samples[1::2]
    ]
    with pytest.raises(DataError, match="no training image has a box"):
        fit(localizer("unet"), Listed(dots), marked(8, 1), QUICK)
    settings = replace(QUICK, max_epochs=1, source="second reader")
    assert fit(localizer("unet"), theirs, marked(8, 1), settings).regions.source == "second reader"


def test_a_mark_against_its_label_is_refused():
    films = marked(8, 0)
    films.samples[1] = replace(films.samples[1], labels={"blob": False})
    with pytest.raises(AnnotationError, match="labelled negative for blob"):
        fit(localizer("unet"), films, marked(8, 1), QUICK)


@pytest.mark.parametrize("options", [{"uncertain": "class"}, {"balance": "loss"}])
def test_settings_of_classifiers_are_refused(options):
    with pytest.raises(SpecError, match="is for classifiers"):
        fit(localizer("unet"), marked(8, 0), marked(8, 1), replace(QUICK, **options))


@pytest.mark.parametrize(
    ("policy", "known"),
    [
        ({}, [True, False, False, True]),
        ({"uncertain": "zeroes"}, [True, True, False, True]),
        ({"uncertain": "ones", "absent": "negative"}, [True, False, True, True]),
    ],
)
def test_policies_say_what_a_label_that_says_nothing_teaches(policy, known):
    """A marked one without a label, an uncertain one, an unlabelled one, a negative one."""
    positive, negative = marked(4, 0).samples[1], marked(4, 0).samples[0]
    films = Listed(
        [
            replace(positive, labels={}),
            replace(negative, labels={"blob": None}),
            replace(negative, labels={}),
            negative,
        ]
    )
    settings = replace(QUICK, **policy)
    labels = label_matrix(films, ("blob",), settings.uncertain, settings.absent)
    for name in SPECS:
        objective = LocalizationObjective(localizer(name), settings, films)
        images = Images(films, PREPROCESSING, labels, target=objective.target)
        (batch,) = loader(images, InTurn(4), 4, 0)
        assert [bool(target.known) for target in batch.targets] == known
        assert [bool(target.marked) for target in batch.targets] == [True, False, False, False]
        assert objective.judged(batch).weight == sum(known)
