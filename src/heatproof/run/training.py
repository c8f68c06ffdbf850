"""Stage: classifiers and localizers that the experiment trains itself, each whole or absent.

A trained model lies in a folder named for everything that made it, so that a change of data,
settings or start trains it anew, and nothing else does.
"""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pydantic
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from torch import nn

from heatproof import train
from heatproof.data.sampling import Permuted, at_prevalence, fewer
from heatproof.errors import (
    DataError,
    ExperimentError,
    ModelError,
    SpecError,
    UnreachableError,
    near_misses,
)
from heatproof.models import card as cards
from heatproof.models.backbones import NAMED_WEIGHTS, backbones
from heatproof.models.card import Cohort, ModelCard
from heatproof.models.classifier import Classifier, build
from heatproof.models.heads import HeadModule, heads
from heatproof.models.localizers import Localizer, localizers
from heatproof.models.localizers import build as build_localizer
from heatproof.models.preprocessing import Preprocessing
from heatproof.models.weights import checksum
from heatproof.run.judges import open_trained, own_classifier, own_code, preprocessing_of
from heatproof.run.model_table import Model, Sampling, Training
from heatproof.run.progress import Progress
from heatproof.run.units import digest, write_whole
from heatproof.run.workspace import HISTORY, Workspace
from heatproof.train.checks import checked_labels
from heatproof.train.localization import check_annotated, check_settings
from heatproof.train.processes import is_first, wait_for_all
from heatproof.train.settings import History, Settings
from heatproof.types import Dataset, ModelId


def trained_folder(work: Workspace, model: Model) -> Path:
    """Where a model lies once it is trained; the name changes with whatever makes the model."""
    plan = _plan(model)
    start = _start(work, model)
    made_of = digest(
        model.backbone,
        model.head,
        model.scaling and model.scaling.model_dump(),
        plan.model_dump(),
        work.data[plan.data].digest,
        work.data[plan.validation].digest,
        str(trained_folder(work, start).name) if start else "",
        [checksum(file) for file in _weights_files(work, plan)],
        *([_architecture(model)] if model.localizer else []),
        *([] if model.sampling == Sampling() else [model.sampling.model_dump()]),
        *([own_code(work.experiment, model)] if model.module else []),
    )
    safe = "".join(letter if letter.isalnum() else "-" for letter in model.name)
    return work.folder / "models" / f"{safe}-{made_of[:12]}"


CHECKPOINTS = "training"  # the folder of what a training that was killed goes on from
KEPT = "kept"  # the folder of the second best checkpoint and those after it
AUROC = "validation AUROC"


def train_model(work: Workspace, model: Model, progress: Progress) -> Path:
    """Train a model unless it is there; models it starts from are trained first."""
    folder = trained_folder(work, model)
    if (folder / cards.CARD).is_file():
        progress.advance(skipped=True)
        return folder
    plan, start = _plan(model), _start(work, model)
    network, before = _network(work, model), []
    if start is not None:
        begun, card = open_trained(work.experiment, start, trained_folder(work, start))
        network.backbone.load_state_dict(begun.backbone.state_dict())
        before = [card]
    data, validation = sampled(work, model), work.data[plan.validation].usable

    def tell(now: train.Progress) -> None:
        progress.tell(f"{model.name}: epoch {now.epoch}, validation AUROC {now.auroc:.3f}")

    with _told_of(model):
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


def trained_id(model: Model) -> ModelId:
    """What a model that is trained here is, but for its weights."""
    return ModelId(_architecture(model), _head(model), _plan(model).data, settings_of(model).seed)


def sampled(work: Workspace, model: Model) -> Dataset:
    """What of its training data a model sees; raises DataError where there is too little."""
    films, how = work.data[_plan(model).data], model.sampling
    data = fewer(films.usable, how.fraction, how.seed)
    if how.prevalence is not None:
        data = at_prevalence(data, how.prevalence, how.seed)
    return Permuted(data, how.seed) if how.permuted else data


def kept_folders(folder: Path) -> list[Path]:
    """The best checkpoints of a training as models of their own, the best first."""
    others = (folder / KEPT).glob(f"*/{cards.CARD}")
    return [folder, *sorted((card.parent for card in others), key=lambda one: int(one.name))]


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
        plan, settings = _plan(model), settings_of(model)
        head = heads.parse(model.head)
        classes = None if model.localizer else getattr(head, "classes", HeadModule.classes)
        alike = dataclasses.replace(settings, seed=0)
        key = digest(plan.data, plan.validation, str(alike), classes, model.sampling.model_dump())
        if key not in asked:
            asked.add(key)
            with _told_of(model):
                data, findings = sampled(work, model), _findings(work, plan)
                checked_labels(findings, classes, data, work.data[plan.validation].usable, settings)
                if settings.guidance and not model.localizer:
                    check_annotated(data, findings, settings.source)
        _check_start(work, model)


def _check_start(work: Workspace, model: Model) -> None:
    """Whom a model is validated on, the models that it starts from have not learned from."""
    plan, start = _plan(model), _start(work, model)
    while start is not None:
        seen = Cohort.of("", work.data[_plan(start).data].samples)
        if shared := seen.shared(work.data[plan.validation].samples):
            raise DataError(
                f"model {model.name!r} is validated on {shared} patients of {plan.validation!r} on"
                f" whom {start.name!r}, from which it starts, was trained; take others, as parts ="
                " {...} of [[data]] do"
            )
        start = _start(work, start)


@contextmanager
def _told_of(model: Model) -> Iterator[None]:
    """Errors name the model and its data."""
    plan = _plan(model)
    try:
        yield
    except (DataError, SpecError) as error:
        raise type(error)(
            f"model {model.name!r}, trained on {plan.data!r} and validated on"
            f" {plan.validation!r}: {error}"
        ) from error


def check_plan(work: Workspace, model: Model) -> None:
    """Raises HeatproofError for a model that could not be trained as described."""
    settings, plan = settings_of(model), _plan(model)
    _preprocessing(model)
    if model.localizer is not None:
        _check_localizer(work, model, settings)
    else:
        heads.parse(model.head)
        if model.backbone:
            backbones.parse(model.backbone)
        if model.module or "random" not in _weights(work, plan):  # known once they are read
            try:
                _network(work, model)
            except ModelError as error:
                raise ExperimentError(f"model {model.name!r}: {error}") from error
    _start(work, model)


def _check_localizer(work: Workspace, model: Model, settings: Settings) -> None:
    who, plan = f"model {model.name!r}", _plan(model)
    if model.head != "linear":
        raise ExperimentError(f"{who} is a localizer, which has its own head; leave head out")
    try:
        check_settings(settings)
        network = _network(work, model)
    except (SpecError, ModelError) as error:
        raise ExperimentError(f"{who}: {error}") from error
    if network.backbone.pretrained == "random" and not plan.start and _keeps_statistics(network):
        raise ExperimentError(
            f"{who}: {_architecture(model)} keeps the batch-norm statistics that its backbone came"
            " with, and a random one comes with none; say frozen_norm=False, or start = ... an"
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


def settings_of(model: Model) -> Settings:
    """The training settings; raises ExperimentError for an unknown one."""
    plan = _plan(model)
    known = {field.name for field in dataclasses.fields(Settings)}
    for key in plan.settings:
        if key not in known:
            raise ExperimentError(
                f"model {model.name!r}, training.settings: unknown {key!r};"
                f" {near_misses(key, known)}"
            )
    try:
        return pydantic.TypeAdapter(Settings).validate_python(plan.settings)
    except pydantic.ValidationError as error:
        problem = error.errors()[0]
        what = ".".join(map(str, problem["loc"]))
        found = f"{problem['msg']} (found {what} = {problem['input']!r})"
        raise ExperimentError(f"model {model.name!r}, training.settings: {found}") from error
    except SpecError as error:
        raise ExperimentError(f"model {model.name!r}, training.settings: {error}") from error


def _network(work: Workspace, model: Model) -> Classifier | Localizer[Any]:
    """Untrained, with the first weights for its backbone that can be had."""
    *others, last = _weights(work, _plan(model))
    for weights in others:
        try:
            if weights in NAMED_WEIGHTS or Path(weights).is_file():
                return _built(work, model, weights)
        except UnreachableError:
            continue
    return _built(work, model, last)


def _built(work: Workspace, model: Model, weights: str) -> Classifier | Localizer[Any]:
    findings, preprocessing = _findings(work, _plan(model)), _preprocessing(model)
    seed = settings_of(model).seed
    if model.module is not None:
        return own_classifier(work.experiment, model, findings, seed)
    if model.localizer is not None:
        return build_localizer(model.localizer, findings, preprocessing, weights, seed)
    return build(model.backbone or "", model.head, findings, preprocessing, weights, seed)


def _weights(work: Workspace, plan: Training) -> list[str]:
    """Names, or paths from the folder of the experiment."""
    asked = [plan.weights] if isinstance(plan.weights, str) else plan.weights
    folder = work.experiment.folder
    return [one if one in NAMED_WEIGHTS else str(folder / one) for one in asked]


def _weights_files(work: Workspace, plan: Training) -> list[Path]:
    return [Path(one) for one in _weights(work, plan) if Path(one).is_file()]


def _architecture(model: Model) -> str:
    """Canonical spec of a localizer, that of a backbone as it was written, or the user's module."""
    if model.module is not None:
        return f"{model.module}, up to {model.features}"
    if model.localizer is None:
        return model.backbone or ""
    return localizers.spec(localizers.parse(model.localizer))


def _head(model: Model) -> str:
    """A localizer has its own."""
    return model.head if model.localizer is None else ""


def _backbone(model: Model) -> str | None:
    """Canonical spec, or the user's module; None of a model that is not trained here."""
    if model.module is not None:
        return _architecture(model)
    if model.localizer is not None:
        return backbones.spec(localizers.parse(model.localizer).backbone)
    return backbones.spec(backbones.parse(model.backbone)) if model.backbone else None


def _plan(model: Model) -> Training:
    if model.training is None:
        raise ExperimentError(f"model {model.name!r} has no training")
    return model.training


def _start(work: Workspace, model: Model) -> Model | None:
    name = _plan(model).start
    if name is None:
        return None
    earlier = []
    for other in work.experiment.models:
        if other.name == model.name:
            break
        earlier.append(other)
    start = next((other for other in earlier if other.name == name), None)
    if start is None or _backbone(start) != _backbone(model):
        raise ExperimentError(
            f"model {model.name!r} starts from {name!r}, which is no earlier model with the"
            f" backbone {_backbone(model)!r}; {near_misses(name, [m.name for m in earlier])}"
        )
    ours, theirs = (_preprocessing(one).channels for one in (model, start))
    if ours != theirs:
        raise ExperimentError(
            f"model {model.name!r} has {ours} channels, and {name!r}, from which it starts,"
            f" {theirs}: the first layer would not fit"
        )
    return start


def _findings(work: Workspace, plan: Training) -> tuple[str, ...]:
    """What is to be learned: structures that are only drawn, such as tubes, are not."""
    films, structures = work.data[plan.data], set(work.experiment.score.structures)
    if structures:
        structures -= {finding for sample in films.samples for finding in sample.labels}
    return tuple(finding for finding in films.findings if finding not in structures)


def _preprocessing(model: Model) -> Preprocessing:
    if model.scaling is None:
        raise ExperimentError(f"model {model.name!r} is trained here: say its scaling")
    return preprocessing_of(model.scaling)


def _write(path: Path, history: History) -> None:
    """Without the seconds, which differ each time: a run repeated ends with equal bytes."""
    plain = {
        "auroc": [epoch.auroc for epoch in history.epochs],
        "best": history.best,
        "stopped": history.stopped,
    }
    write_whole(path, json.dumps(plain))
