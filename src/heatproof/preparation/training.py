"""Stage: classifiers and localizers that the experiment trains itself, each whole or absent.

A trained model lies in a folder named for everything that made it, so that a change of data,
settings or start trains it anew, and nothing else does.
"""

import dataclasses
from pathlib import Path
from typing import Any

from heatproof import train
from heatproof.disk import sealed, write_whole
from heatproof.experiment.model import ModelEntry
from heatproof.experiment.workspace import HISTORY, Workspace, read_history
from heatproof.models import card as cards
from heatproof.models.card import Cohort, ModelCard
from heatproof.models.classifier import Classifier
from heatproof.models.localizers import Localizer
from heatproof.preparation.folders import (
    AUROC,
    CHECKPOINTS,
    KEPT,
    is_whole,
    kept_folders,
    trained_folder,
)
from heatproof.preparation.network import network_of
from heatproof.preparation.opening import open_trained
from heatproof.preparation.plan import (
    findings_of,
    plan_of,
    sampled,
    settings_of,
    start_of,
    trained_id,
)
from heatproof.preparation.plan_checks import naming
from heatproof.progress import Progress
from heatproof.train.processes import is_first, wait_for_all
from heatproof.train.settings import History
from heatproof.types import Dataset


def is_trained(work: Workspace, entry: ModelEntry) -> bool:
    """Whether a model that is trained here is there, as it was written."""
    folder = trained_folder(work, entry)
    # The card is written last, so a folder that has one is complete.
    return (folder / cards.CARD).exists() and is_whole(folder, _check)


def train_model(work: Workspace, entry: ModelEntry, progress: Progress) -> Path:
    """Train a model; returns its folder.

    The model that it starts from stands earlier in the experiment, and is trained before.

    Args:
        work: The experiment.
        entry: The model.
        progress: Hears how far the training is.
    """
    folder = trained_folder(work, entry)
    plan, start = plan_of(entry), start_of(work.experiment.models, entry)
    findings = findings_of(work.data[plan.data], work.experiment.score.structures)
    network = network_of(work.experiment.folder, entry, findings)
    of_start = None if start is None else _start(work, start, network)
    data, validation = sampled(work.data[plan.data], entry), work.data[plan.validation].usable

    settings = settings_of(entry)

    def tell(now: train.TrainingProgress) -> None:
        note = f"{entry.name}: epoch {now.epoch}, validation AUROC {now.auroc:.3f}"
        # Of all epochs: a training may stop earlier.
        progress.tell(note, (now.epoch - 1 + now.step / now.steps) / settings.max_epochs)

    with naming(entry):
        place = folder / CHECKPOINTS
        fitted = train.fit(network, data, validation, settings, tell, place, prepared=work.prepared)
    card = _card(work, entry, network, data, fitted, of_start)
    if is_first():
        _keep(network, fitted, card, folder)
    wait_for_all()  # models that start from this one, and ensembles, open its folder
    if is_first():
        for file in (folder / CHECKPOINTS).glob("*.ckpt"):
            file.unlink()  # nothing goes on from them, and by now nobody reads them
    return folder


def _check(folder: Path) -> None:
    """Raises ModelError where a checkpoint, a card or the history is not as it was written."""
    for place in kept_folders(folder):
        cards.check_whole(place)
    read_history(folder)


def _start(work: Workspace, start: ModelEntry, network: Classifier | Localizer[Any]) -> ModelCard:
    """Give a network the backbone of the model that it starts from, whose card is returned."""
    begun, card = open_trained(work.experiment.folder, start, trained_folder(work, start))
    network.backbone.load_state_dict(begun.backbone.state_dict())
    return card


def _card(
    work: Workspace,
    entry: ModelEntry,
    network: Classifier | Localizer[Any],
    data: Dataset,
    fitted: train.Fitted,
    of_start: ModelCard | None,
) -> ModelCard:
    """The card, without what differs from checkpoint to checkpoint.

    A model that starts from another has also seen the patients of that one.
    """
    plan = plan_of(entry)
    every = [data[index] for index in range(len(data))]
    trained_on = Cohort.of(plan.data, [s for s in every if s.image_id not in fitted.aside])
    tuned_on = Cohort.of(plan.validation, work.data[plan.validation].samples)
    before = [of_start] if of_start else []
    return ModelCard(
        id=trained_id(entry),
        findings=network.findings,
        preprocessing=network.preprocessing,
        pretrained=f"backbone of {plan.start!r}" if of_start else network.backbone.pretrained,
        trained_on=Cohort.together([*(card.trained_on for card in before), trained_on]),
        tuned_on=Cohort.together([*(card.tuned_on for card in before), tuned_on]),
        regions=fitted.regions,
        aside=tuple(fitted.aside),
    )


def _keep(
    network: Classifier | Localizer[Any], fitted: train.Fitted, card: ModelCard, folder: Path
) -> None:
    """Write the checkpoints that were kept; the card of the best says that all are there."""
    _write(folder / HISTORY, fitted.history)
    best, *others = fitted.kept
    for place, kept in enumerate(others, start=2):
        assert kept.file is not None
        train.restore(network, kept.file)
        cards.save(network, _with_metrics(card, fitted.history, kept), folder / KEPT / str(place))
    # The others were loaded into the same network, in place of the best weights.
    if others:
        assert best.file is not None
        train.restore(network, best.file)
    cards.save(network, _with_metrics(card, fitted.history, best), folder)


def _with_metrics(card: ModelCard, history: History, kept: train.KeptCheckpoint) -> ModelCard:
    """The card of one checkpoint: with its temperatures and its AUROCs."""
    metrics = {AUROC: history.epochs[kept.epoch].auroc}
    for finding, auroc in zip(card.findings, kept.aurocs, strict=True):
        metrics[f"{AUROC} of {finding}"] = auroc
    return dataclasses.replace(card, temperatures=kept.temperatures, metrics=metrics)


def _write(path: Path, history: History) -> None:
    """Write the history without its seconds, so that a repeated run ends with equal bytes."""
    plain = {
        "auroc": [epoch.auroc for epoch in history.epochs],
        "best": history.best,
        "stopped": history.stopped,
    }
    write_whole(path, sealed(plain))
