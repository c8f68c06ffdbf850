"""Training on a toy problem that a small network learns in seconds."""

import logging
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from heatproof.errors import DataError, ModelError, SpecError
from heatproof.models.classifier import build
from heatproof.train import fit
from heatproof.train.augmentations import augmentations
from heatproof.train.images import ImageOrder, Images, InTurn, loader
from heatproof.train.labels import label_matrix
from heatproof.train.learner import mean_auroc
from heatproof.train.losses import classification_loss
from heatproof.train.reading import read
from heatproof.train.settings import Settings, TrainingProgress
from tests.train.toys import ARCHITECTURE, PREPROCESSING, QUICK, Listed, blobs, model


@pytest.mark.parametrize("head", ["linear", "wildcat(highest=1, alpha=0.0)"])
def test_it_learns_and_stops_at_the_target(head: str) -> None:
    classifier = model(head)
    settings = Settings(max_epochs=20, target_auroc=0.95, batch=16)
    history = fit(classifier, blobs(128, 0), blobs(40, 1), settings).history
    assert history.auroc >= 0.95
    assert history.stopped == "validation AUROC reached 0.95"
    assert len(history.epochs) < 20
    assert not classifier.training
    # What the history says is true of the weights that were kept.
    batches = list(batched(blobs(40, 1)))
    with torch.no_grad():
        logits = torch.cat([classifier(batch.images) for batch in batches])
    labels = torch.cat([batch.labels for batch in batches])
    assert mean_auroc(logits, labels) == pytest.approx(history.auroc)


def batched(dataset: Listed, order=None, cache_gb: float = 1.0, workers: int = 0, augment=()):
    transforms = [augmentations.parse(spec)() for spec in augment]
    labels = label_matrix(dataset, ("blob",))
    kept = read(dataset, PREPROCESSING, cache_gb).images
    images = Images(dataset, PREPROCESSING, labels, kept=kept, transforms=transforms)
    return loader(images, order or InTurn(len(dataset)), 16, workers)


def test_the_seed_decides_everything_and_leaves_no_trace() -> None:
    weights = []
    state = torch.random.get_rng_state()
    for seed in (0, 0, 1):
        classifier = model()
        fit(classifier, blobs(48, 0), blobs(16, 1), replace(QUICK, seed=seed))
        weights.append(classifier.head.classifier.weight)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_best_weights_are_kept_when_patience_ends() -> None:
    """A learning rate of nearly nothing: the first epoch is as good as all that follow."""
    settings = replace(QUICK, max_epochs=9, patience=2, lr=1e-12, augment=(), weight_decay=0.0)
    history = fit(model(), blobs(32, 0), blobs(16, 1), settings).history
    assert history.stopped == "no better validation AUROC for 2 epochs"
    assert len(history.epochs) == history.best + 3


def test_a_budget_ends_it() -> None:
    history = fit(model(), blobs(32, 0), blobs(16, 1), replace(QUICK, max_seconds=1e-9)).history
    assert len(history.epochs) == 1
    assert "seconds spent" in history.stopped


def test_a_frozen_backbone_does_not_move() -> None:
    classifier = model()
    before = {name: tensor.clone() for name, tensor in classifier.state_dict().items()}
    fit(classifier, blobs(32, 0), blobs(16, 1), replace(QUICK, backbone_lr=0.0))
    moved = {n for n, tensor in classifier.state_dict().items() if not tensor.equal(before[n])}
    assert moved == {"head.classifier.weight", "head.classifier.bias"}
    assert all(parameter.requires_grad for parameter in classifier.parameters())
    assert all(parameter.grad is None for parameter in classifier.backbone.parameters())


def test_progress_is_reported_after_every_step() -> None:
    seen: list[TrainingProgress] = []
    fit(model(), blobs(33, 0), blobs(16, 1), QUICK, seen.append)
    assert [(p.epoch, p.step, p.steps) for p in seen] == [
        (1, 1, 2),
        (1, 2, 2),
        (2, 1, 2),
        (2, 2, 2),
    ]
    assert math.isnan(seen[0].auroc)
    assert 0 <= seen[-1].auroc <= 1


def test_lightning_says_nothing(capfd, caplog, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.INFO):
        fit(model(), blobs(32, 0), blobs(16, 1), QUICK)
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
    assert not list(tmp_path.iterdir())


def test_unknown_and_uncertain_labels_carry_no_loss() -> None:
    dataset = blobs(4, 0, {1: None})
    labels = label_matrix(dataset, ("blob", "other"))
    assert labels[:, 0].isnan().tolist() == [False, True, False, False]
    assert labels[:, 1].isnan().all()
    logits = torch.randn(4, 2, requires_grad=True)
    classification_loss(logits, labels).backward()
    assert (logits.grad == 0).tolist() == [
        [False, True],
        [True, True],
        [False, True],
        [False, True],
    ]


@given(st.integers(0, 2**16))
def test_the_loss_is_the_mean_over_what_is_known(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(5, 2, generator=generator)
    labels = torch.randint(0, 3, (5, 2), generator=generator).float()
    labels[labels == 2] = torch.nan
    terms = [
        -math.log(1 / (1 + math.exp(-x if y else x)))
        for x, y in zip(logits.flatten().tolist(), labels.flatten().tolist(), strict=True)
        if not math.isnan(y)
    ]
    expected = sum(terms) / len(terms) if terms else 0.0
    assert float(classification_loss(logits, labels)) == pytest.approx(expected, rel=1e-4)


def test_auroc_is_the_share_of_pairs_in_order() -> None:
    logits = torch.tensor([[0.1], [0.4], [0.35], [0.8], [9.0]])
    labels = torch.tensor([[0.0], [0.0], [1.0], [1.0], [torch.nan]])
    assert mean_auroc(logits, labels) == 0.75
    assert math.isnan(mean_auroc(logits[:2], labels[:2]))


def test_impossible_data_is_refused_before_training() -> None:
    with pytest.raises(DataError, match="no training image is positive for 'blob'"):
        fit(model(), blobs(1, 0), blobs(8, 1), QUICK)
    with pytest.raises(DataError, match="no finding has both"):
        fit(model(), blobs(8, 0), blobs(1, 1), QUICK)
    with pytest.raises(DataError, match="no image"):
        fit(model(), blobs(8, 0), blobs(0, 1), QUICK)
    other = Listed([replace(one, labels={"Blob": True}) for one in blobs(8, 1).samples])
    with pytest.raises(DataError, match=r"no validation image is labelled for 'blob'.*mean Blob\?"):
        fit(model(), blobs(8, 0), other, QUICK)
    studies = Listed([replace(one, study_id="one") for one in blobs(8, 1).samples])
    with pytest.raises(DataError, match="no finding has both positive and negative studies"):
        fit(model(), blobs(8, 0), studies, replace(QUICK, by="study"))


def test_a_patient_on_both_sides_is_refused() -> None:
    train, validation = (
        Listed([replace(one, patient_id=f"{side} {one.image_id}") for one in data.samples])
        for side, data in (("t", blobs(8, 0)), ("v", blobs(8, 1)))
    )
    fit(model(), train, validation, QUICK)
    shared = Listed([*validation.samples, train.samples[3]])
    with pytest.raises(DataError, match=r"1 patients are in the training and .* such as 't 0 3'"):
        fit(model(), train, shared, QUICK)


def test_some_findings_can_select() -> None:
    data, checks = (
        Listed(
            [replace(s, labels={"blob": s.labels["blob"], "odd": i % 3 == 0})
             for i, s in enumerate(listed.samples)], ("blob", "odd"),
        )
        for listed in (blobs(48, 0), blobs(24, 1))
    )  # fmt: skip
    network = build(ARCHITECTURE, "linear", ["blob", "odd"], PREPROCESSING)
    fitted = fit(network, data, checks, replace(QUICK, select_by=("odd",)))
    best = fitted.kept[0]
    assert fitted.history.auroc == pytest.approx(best.aurocs[1])
    assert best.aurocs[0] != best.aurocs[1]
    with pytest.raises(SpecError, match=r"select_by: .even. is no finding here"):
        fit(network, data, checks, replace(QUICK, select_by=("even",)))


def test_a_loss_that_is_not_finite_ends_training() -> None:
    with pytest.raises(ModelError, match="is lr=1e\\+30 too high"):
        fit(model(), blobs(32, 0), blobs(16, 1), replace(QUICK, lr=1e30))


def test_scores_that_are_not_finite_end_training() -> None:
    """As of a loss that overflows in evaluation mode only."""
    network = model()
    outputs = network.head.outputs
    network.head.outputs = lambda x: outputs(x) if network.training else outputs(x) * torch.nan
    with pytest.raises(ModelError, match="scores are not finite in epoch 1"):
        fit(network, blobs(32, 0), blobs(16, 1), QUICK)


def test_a_full_gpu_is_told_with_the_batch() -> None:
    network = model()

    def full(_):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    network.backbone.forward = full
    with pytest.raises(ModelError, match=r"memory of the device.*batch=16 may be smaller"):
        fit(network, blobs(32, 0), blobs(16, 1), QUICK)


@pytest.mark.parametrize("options", [{"accelerator": "gpux"}, {"strategy": "dpp"}])
def test_devices_that_are_not_there_are_refused(options) -> None:
    with pytest.raises(SpecError, match=f"{next(iter(options))}='{next(iter(options.values()))}'"):
        fit(model(), blobs(32, 0), blobs(16, 1), replace(QUICK, **options))


@pytest.mark.parametrize("options", [{"lr": 0.0}, {"batch": 0}, {"backbone_lr": -1.0}])
def test_impossible_settings_are_refused(options) -> None:
    with pytest.raises(SpecError, match=next(iter(options))):
        Settings(**options)


@pytest.mark.slow
def test_images_that_do_not_fit_come_from_workers_and_are_the_same() -> None:
    order = ImageOrder(torch.arange(20), 16, None, seed=3)
    options = {"order": order, "augment": ("flip", "affine")}
    cached = batched(blobs(20, 0), **options)
    streamed = batched(blobs(20, 0), **options, cache_gb=0.0, workers=2)
    for one, other in zip(cached, streamed, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one[:3], other[:3], strict=True))
