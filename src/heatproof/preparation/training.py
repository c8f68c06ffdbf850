"""Stage: classifiers and localizers that the experiment trains itself, each whole or absent.

A trained model lies in a folder named for everything that made it, so that a change of data,
settings or start trains it anew, and nothing else does.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

from heatproof import train
from heatproof.experiment.model import Model
from heatproof.experiment.workspace import HISTORY, Workspace
from heatproof.models import card as cards
from heatproof.models.card import Cohort, ModelCard
from heatproof.models.classifier import Classifier
from heatproof.models.localizers import Localizer
from heatproof.preparation.opening import open_trained
from heatproof.preparation.plan import (
    AUROC,
    CHECKPOINTS,
    KEPT,
    network_of,
    plan_of,
    sampled,
    settings_of,
    start_of,
    trained_folder,
    trained_id,
)
from heatproof.preparation.plan_checks import naming
from heatproof.progress import Progress
from heatproof.tables.units import write_whole
from heatproof.train.processes import is_first, wait_for_all
from heatproof.train.settings import History


def train_model(work: Workspace, model: Model, progress: Progress) -> Path:
    """Train a model unless it is there; models it starts from are trained first."""
    folder = trained_folder(work, model)
    if (folder / cards.CARD).is_file():
        progress.advance(skipped=True)
        return folder
    plan, start = plan_of(model), start_of(work, model)
    network, before = network_of(work, model), []
    if start is not None:
        begun, card = open_trained(work.experiment, start, trained_folder(work, start))
        network.backbone.load_state_dict(begun.backbone.state_dict())
        before = [card]
    data, validation = sampled(work, model), work.data[plan.validation].usable

    def tell(now: train.Progress) -> None:
        progress.tell(f"{model.name}: epoch {now.epoch}, validation AUROC {now.auroc:.3f}")

    with naming(model):
        fitted = train.fit(
            network, data, validation, settings_of(model), tell, folder / CHECKPOINTS
        )
    trained_on = Cohort.of(plan.data, [data[index] for index in range(len(data))])
    tuned_on = Cohort.of(plan.validation, work.data[plan.validation].samples)
    card = ModelCard(
        id=trained_id(model),
        findings=network.findings,
        preprocessing=network.preprocessing,
        pretrained=f"backbone of {start.name!r}" if start else network.backbone.pretrained,
        trained_on=Cohort.together([*(card.trained_on for card in before), trained_on]),
        tuned_on=Cohort.together([*(card.tuned_on for card in before), tuned_on]),
        regions=fitted.regions,
    )
    if is_first():
        _keep(network, fitted, card, folder)
    wait_for_all()  # models that start from this one, and ensembles, open its folder
    if is_first():
        for file in (folder / CHECKPOINTS).glob("*.ckpt"):
            file.unlink()  # nothing goes on from them, and by now nobody reads them
    progress.advance()
    return folder


def _keep(
    network: Classifier | Localizer[Any], fitted: train.Fitted, card: ModelCard, folder: Path
) -> None:
    """Write the checkpoints that were kept; the card of the best says that all are there."""
    _write(folder / HISTORY, fitted.history)
    best, *others = fitted.kept
    for place, one in enumerate(others, start=2):
        assert one.file is not None
        train.restore(network, one.file)
        cards.save(network, _judged(card, fitted.history, one), folder / KEPT / str(place))
    if others:
        assert best.file is not None
        train.restore(network, best.file)
    cards.save(network, _judged(card, fitted.history, best), folder)


def _judged(card: ModelCard, history: History, one: train.Kept) -> ModelCard:
    """The card of one checkpoint."""
    found = {AUROC: history.epochs[one.epoch].auroc}
    of_findings = zip(card.findings, one.aurocs, strict=True)
    found |= {f"{AUROC} of {finding}": auroc for finding, auroc in of_findings}
    return dataclasses.replace(card, temperatures=one.temperatures, metrics=found)


def _write(path: Path, history: History) -> None:
    """Without the seconds, which differ each time: a run repeated ends with equal bytes."""
    plain = {
        "auroc": [epoch.auroc for epoch in history.epochs],
        "best": history.best,
        "stopped": history.stopped,
    }
    write_whole(path, json.dumps(plain))
