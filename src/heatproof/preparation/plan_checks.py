"""Plans of trainings, checked before the first training begins."""

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from torch import nn

from heatproof.errors import DataError, ExperimentError, ModelError, SpecError
from heatproof.experiment.model import Model
from heatproof.experiment.workspace import Workspace
from heatproof.models.backbones import backbones
from heatproof.models.card import Cohort
from heatproof.models.classifier import Classifier
from heatproof.models.heads import HeadModule, heads
from heatproof.models.localizers import Localizer
from heatproof.preparation.plan import (
    architecture_of,
    findings_of,
    network_of,
    plan_of,
    sampled,
    scaled_by,
    settings_of,
    start_of,
    weights_of,
)
from heatproof.tables.units import digest
from heatproof.train.checks import checked_labels
from heatproof.train.localization import check_annotated, check_settings
from heatproof.train.settings import Settings


def check_processes(models: Sequence[Model]) -> None:
    """Raises ExperimentError unless all trainings share the processes that there are.

    Every process runs the whole command, so it has to have a part in every training.
    """
    asked = {model.name: settings_of(model) for model in models}
    if not asked:
        return  # ensembles of models that were trained elsewhere
    first, *others = asked
    for other in others:
        for name in ("devices", "nodes", "strategy"):
            ours, theirs = (getattr(asked[model], name) for model in (first, other))
            if ours != theirs:
                raise ExperimentError(
                    f"model {first!r} has {name} = {ours}, {other!r} has {theirs}: the models that"
                    " one command trains are trained by the same processes; make them equal, or two"
                    " experiments"
                )
    started = TorchElasticEnvironment.detect() and TorchElasticEnvironment().world_size()
    if started and started != asked[first].processes:
        raise ExperimentError(
            f"torchrun started {started} processes, but model {first!r} is trained by"
            f" {asked[first].processes}: devices = {asked[first].devices}, nodes ="
            f" {asked[first].nodes}"
        )


def check_taught(work: Workspace, models: Sequence[Model]) -> None:
    """Raises HeatproofError where labels or patients do not allow a training.

    Replicates are asked once: it takes a look at every label.
    """
    asked = set()
    for model in models:
        plan, settings = plan_of(model), settings_of(model)
        head = heads.parse(model.head)
        classes = None if model.localizer else getattr(head, "classes", HeadModule.classes)
        alike = dataclasses.replace(settings, seed=0)
        key = digest(plan.data, plan.validation, str(alike), classes, model.sampling.model_dump())
        if key not in asked:
            asked.add(key)
            with naming(model):
                data, findings = sampled(work, model), findings_of(work, plan)
                checked_labels(findings, classes, data, work.data[plan.validation].usable, settings)
                if settings.guidance and not model.localizer:
                    check_annotated(data, findings, settings.source)
        _check_start(work, model)


def _check_start(work: Workspace, model: Model) -> None:
    """Whom a model is validated on, the models that it starts from have not learned from."""
    plan, start = plan_of(model), start_of(work, model)
    while start is not None:
        seen = Cohort.of("", work.data[plan_of(start).data].samples)
        if shared := seen.shared(work.data[plan.validation].samples):
            raise DataError(
                f"model {model.name!r} is validated on {shared} patients of {plan.validation!r} on"
                f" whom {start.name!r}, from which it starts, was trained; take others, as parts ="
                " {...} of [[data]] do"
            )
        start = start_of(work, start)


@contextmanager
def naming(model: Model) -> Iterator[None]:
    """Errors name the model and its data."""
    plan = plan_of(model)
    try:
        yield
    except (DataError, SpecError) as error:
        raise type(error)(
            f"model {model.name!r}, trained on {plan.data!r} and validated on"
            f" {plan.validation!r}: {error}"
        ) from error


def check_plan(work: Workspace, model: Model) -> None:
    """Raises HeatproofError for a model that could not be trained as described."""
    settings, plan = settings_of(model), plan_of(model)
    scaled_by(model)
    if model.localizer is not None:
        _check_localizer(work, model, settings)
    else:
        heads.parse(model.head)
        if model.backbone:
            backbones.parse(model.backbone)
        if model.module or "random" not in weights_of(work, plan):  # known once they are read
            try:
                network_of(work, model)
            except ModelError as error:
                raise ExperimentError(f"model {model.name!r}: {error}") from error
    start_of(work, model)


def _check_localizer(work: Workspace, model: Model, settings: Settings) -> None:
    who, plan = f"model {model.name!r}", plan_of(model)
    if model.head != "linear":
        raise ExperimentError(f"{who} is a localizer, which has its own head; leave head out")
    try:
        check_settings(settings)
        network = network_of(work, model)
    except (SpecError, ModelError) as error:
        raise ExperimentError(f"{who}: {error}") from error
    if network.backbone.pretrained == "random" and not plan.start and _keeps_statistics(network):
        raise ExperimentError(
            f"{who}: {architecture_of(model)} keeps the batch-norm statistics that its backbone"
            " came with, and a random one comes with none; say frozen_norm=False, or start = ... an"
            " earlier model with this backbone"
        )
    try:
        check_annotated(work.data[plan.data].usable, network.findings, settings.source)
    except DataError as error:
        raise DataError(f"{who}, training.data {plan.data!r}: {error}") from error


def _keeps_statistics(network: Classifier | Localizer[Any]) -> bool:
    """Whether batch norm of the backbone learns nothing while the rest is trained."""
    norms = [
        module
        for module in network.train().backbone.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
    ]
    return bool(norms) and not any(norm.training for norm in norms)
