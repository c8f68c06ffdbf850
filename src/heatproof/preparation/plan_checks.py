"""Plans of trainings, checked before the first training begins."""

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from torch import nn

from heatproof.errors import DataError, ExperimentError, ModelError, SpecError
from heatproof.experiment.model import ModelEntry
from heatproof.experiment.workspace import Workspace
from heatproof.models.backbones import backbones
from heatproof.models.card import Cohort
from heatproof.models.classifier import Classifier
from heatproof.models.heads import HeadModule, heads
from heatproof.models.localizers import Localizer
from heatproof.preparation.network import network_of, weights_of
from heatproof.preparation.plan import (
    architecture_of,
    findings_of,
    plan_of,
    sampled,
    scaled_by,
    settings_of,
    start_of,
)
from heatproof.tables.units import digest
from heatproof.train.checks import checked_labels
from heatproof.train.localization import check_annotated, check_settings
from heatproof.train.settings import Settings


def check_processes(entries: Sequence[ModelEntry]) -> None:
    """Raises ExperimentError unless all trainings share the processes that there are.

    Every process runs the whole command, so it has to have a part in every training.
    """
    settings = {entry.name: settings_of(entry) for entry in entries}
    if not settings:
        return  # ensembles of models that were trained elsewhere
    first, *others = settings
    for other in others:
        for name in ("devices", "nodes", "strategy"):
            expected, given = (getattr(settings[model], name) for model in (first, other))
            if expected != given:
                raise ExperimentError(
                    f"model {first!r} has {name} = {expected}, {other!r} has {given}: the models"
                    " that one command trains are trained by the same processes; make them equal,"
                    " or two experiments"
                )
    started = TorchElasticEnvironment.detect() and TorchElasticEnvironment().world_size()
    if started and started != settings[first].processes:
        raise ExperimentError(
            f"torchrun started {started} processes, but model {first!r} is trained by"
            f" {settings[first].processes}: devices = {settings[first].devices}, nodes ="
            f" {settings[first].nodes}"
        )


def check_taught(work: Workspace, entries: Sequence[ModelEntry]) -> None:
    """Raises HeatproofError where labels or patients do not allow a training.

    Replicates are checked once, since a check looks at every label.
    """
    checked = set()
    for entry in entries:
        plan, settings = plan_of(entry), settings_of(entry)
        head = heads.parse(entry.head)
        classes = None if entry.localizer else getattr(head, "classes", HeadModule.classes)
        # Replicates differ in their seed, on which labels and patients do not depend.
        alike = dataclasses.replace(settings, seed=0)
        key = digest(plan.data, plan.validation, str(alike), classes, entry.sampling.model_dump())
        if key not in checked:
            checked.add(key)
            with naming(entry):
                data, findings = sampled(work.data[plan.data], entry), _findings(work, entry)
                checked_labels(findings, classes, data, work.data[plan.validation].usable, settings)
                if settings.guidance and not entry.localizer:
                    check_annotated(data, findings, settings.source)
        _check_start(work, entry)


def _findings(work: Workspace, entry: ModelEntry) -> tuple[str, ...]:
    return findings_of(work.data[plan_of(entry).data], work.experiment.score.structures)


def _check_start(work: Workspace, entry: ModelEntry) -> None:
    """Raises DataError where a model is validated on patients of a model that it starts from."""
    plan, entries = plan_of(entry), work.experiment.models
    start = start_of(entries, entry)
    while start is not None:
        seen = Cohort.of("", work.data[plan_of(start).data].samples)
        if shared := seen.shared(work.data[plan.validation].samples):
            raise DataError(
                f"model {entry.name!r} is validated on {shared} patients of {plan.validation!r} on"
                f" whom {start.name!r}, from which it starts, was trained; take others, as parts ="
                " {...} of [[data]] do"
            )
        start = start_of(entries, start)


@contextmanager
def naming(entry: ModelEntry) -> Iterator[None]:
    """Errors name the model and its data."""
    plan = plan_of(entry)
    try:
        yield
    except (DataError, SpecError) as error:
        raise type(error)(
            f"model {entry.name!r}, trained on {plan.data!r} and validated on"
            f" {plan.validation!r}: {error}"
        ) from error


def check_plan(work: Workspace, entry: ModelEntry) -> None:
    """Raises HeatproofError for a model that could not be trained as described."""
    settings, plan, folder = settings_of(entry), plan_of(entry), work.experiment.folder
    scaled_by(entry)
    if entry.localizer is not None:
        _check_localizer(work, entry, settings)
    else:
        heads.parse(entry.head)
        if entry.backbone:
            backbones.parse(entry.backbone)
        # Whether weights or a module of the user's fit is known once they are read.
        if entry.module or "random" not in weights_of(folder, plan):
            try:
                network_of(folder, entry, _findings(work, entry))
            except ModelError as error:
                raise ExperimentError(f"model {entry.name!r}: {error}") from error
    start_of(work.experiment.models, entry)


def _check_localizer(work: Workspace, entry: ModelEntry, settings: Settings) -> None:
    who, plan = f"model {entry.name!r}", plan_of(entry)
    if entry.head != "linear":
        raise ExperimentError(f"{who} is a localizer, which has its own head; leave head out")
    try:
        check_settings(settings)
        network = network_of(work.experiment.folder, entry, _findings(work, entry))
    except (SpecError, ModelError) as error:
        raise ExperimentError(f"{who}: {error}") from error
    if network.backbone.pretrained == "random" and not plan.start and _keeps_statistics(network):
        raise ExperimentError(
            f"{who}: {architecture_of(entry)} keeps the batch-norm statistics that its backbone"
            " came with, and a random one comes with none; say frozen_norm=False, or start = ... an"
            " earlier model with this backbone"
        )
    try:
        check_annotated(work.data[plan.data].usable, network.findings, settings.source)
    except DataError as error:
        raise DataError(f"{who}, training.data {plan.data!r}: {error}") from error


def _keeps_statistics(network: Classifier | Localizer[Any]) -> bool:
    """Whether batch norm of the backbone learns nothing while the rest is trained."""
    # Norms that keep their statistics stay in evaluation mode when the network is set to train.
    norms = [
        module
        for module in network.train().backbone.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
    ]
    return bool(norms) and not any(norm.training for norm in norms)
