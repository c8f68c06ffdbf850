"""What a model that is trained here will be: its folder, settings, start and untrained network."""

import dataclasses
from pathlib import Path
from typing import Any

import pydantic

from heatproof.data.sampling import Permuted, at_prevalence, fewer
from heatproof.errors import ExperimentError, SpecError, UnreachableError, near_misses
from heatproof.experiment.model import Model, Sampling, Training
from heatproof.experiment.workspace import Workspace
from heatproof.models import card as cards
from heatproof.models.backbones import NAMED_WEIGHTS, backbones
from heatproof.models.classifier import Classifier, build
from heatproof.models.localizers import Localizer, localizers
from heatproof.models.localizers import build as build_localizer
from heatproof.models.preprocessing import Preprocessing
from heatproof.models.weights import checksum
from heatproof.preparation.opening import own_classifier, own_code, preprocessing_of
from heatproof.tables.units import digest
from heatproof.train.settings import Settings
from heatproof.types import Dataset, ModelId


def trained_folder(work: Workspace, model: Model) -> Path:
    """Where a model lies once it is trained; the name changes with whatever makes the model."""
    plan = plan_of(model)
    start = start_of(work, model)
    made_of = digest(
        model.backbone,
        model.head,
        model.scaling and model.scaling.model_dump(),
        plan.model_dump(),
        work.data[plan.data].digest,
        work.data[plan.validation].digest,
        str(trained_folder(work, start).name) if start else "",
        [checksum(file) for file in _weights_files(work, plan)],
        *([architecture_of(model)] if model.localizer else []),
        *([] if model.sampling == Sampling() else [model.sampling.model_dump()]),
        *([own_code(work.experiment, model)] if model.module else []),
    )
    safe = "".join(letter if letter.isalnum() else "-" for letter in model.name)
    return work.folder / "models" / f"{safe}-{made_of[:12]}"


CHECKPOINTS = "training"  # the folder of what a training that was killed goes on from


KEPT = "kept"  # the folder of the second best checkpoint and those after it


AUROC = "validation AUROC"


def trained_id(model: Model) -> ModelId:
    """What a model that is trained here is, but for its weights."""
    return ModelId(
        architecture_of(model), head_of(model), plan_of(model).data, settings_of(model).seed
    )


def sampled(work: Workspace, model: Model) -> Dataset:
    """What of its training data a model sees; raises DataError where there is too little."""
    films, how = work.data[plan_of(model).data], model.sampling
    data = fewer(films.usable, how.fraction, how.seed)
    if how.prevalence is not None:
        data = at_prevalence(data, how.prevalence, how.seed)
    return Permuted(data, how.seed) if how.permuted else data


def kept_folders(folder: Path) -> list[Path]:
    """The best checkpoints of a training as models of their own, the best first."""
    others = (folder / KEPT).glob(f"*/{cards.CARD}")
    return [folder, *sorted((card.parent for card in others), key=lambda one: int(one.name))]


def settings_of(model: Model) -> Settings:
    """The training settings; raises ExperimentError for an unknown one."""
    plan = plan_of(model)
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


def network_of(work: Workspace, model: Model) -> Classifier | Localizer[Any]:
    """Untrained, with the first weights for its backbone that can be had."""
    *others, last = weights_of(work, plan_of(model))
    for weights in others:
        try:
            if weights in NAMED_WEIGHTS or Path(weights).is_file():
                return _built(work, model, weights)
        except UnreachableError:
            continue
    return _built(work, model, last)


def _built(work: Workspace, model: Model, weights: str) -> Classifier | Localizer[Any]:
    findings, preprocessing = findings_of(work, plan_of(model)), scaled_by(model)
    seed = settings_of(model).seed
    if model.module is not None:
        return own_classifier(work.experiment, model, findings, seed)
    if model.localizer is not None:
        return build_localizer(model.localizer, findings, preprocessing, weights, seed)
    return build(model.backbone or "", model.head, findings, preprocessing, weights, seed)


def weights_of(work: Workspace, plan: Training) -> list[str]:
    """Names, or paths from the folder of the experiment."""
    asked = [plan.weights] if isinstance(plan.weights, str) else plan.weights
    folder = work.experiment.folder
    return [one if one in NAMED_WEIGHTS else str(folder / one) for one in asked]


def _weights_files(work: Workspace, plan: Training) -> list[Path]:
    return [Path(one) for one in weights_of(work, plan) if Path(one).is_file()]


def architecture_of(model: Model) -> str:
    """Canonical spec of a localizer, that of a backbone as it was written, or the user's module."""
    if model.module is not None:
        return f"{model.module}, up to {model.features}"
    if model.localizer is None:
        return model.backbone or ""
    return localizers.spec(localizers.parse(model.localizer))


def head_of(model: Model) -> str:
    """A localizer has its own."""
    return model.head if model.localizer is None else ""


def _backbone(model: Model) -> str | None:
    """Canonical spec, or the user's module; None of a model that is not trained here."""
    if model.module is not None:
        return architecture_of(model)
    if model.localizer is not None:
        return backbones.spec(localizers.parse(model.localizer).backbone)
    return backbones.spec(backbones.parse(model.backbone)) if model.backbone else None


def plan_of(model: Model) -> Training:
    """How the model is trained; raises ExperimentError for one that is not trained here."""
    if model.training is None:
        raise ExperimentError(f"model {model.name!r} has no training")
    return model.training


def start_of(work: Workspace, model: Model) -> Model | None:
    """The earlier model whose backbone it starts from; raises ExperimentError where none fits."""
    name = plan_of(model).start
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
    ours, theirs = (scaled_by(one).channels for one in (model, start))
    if ours != theirs:
        raise ExperimentError(
            f"model {model.name!r} has {ours} channels, and {name!r}, from which it starts,"
            f" {theirs}: the first layer would not fit"
        )
    return start


def findings_of(work: Workspace, plan: Training) -> tuple[str, ...]:
    """What is to be learned: structures that are only drawn, such as tubes, are not."""
    films, structures = work.data[plan.data], set(work.experiment.score.structures)
    if structures:
        structures -= {finding for sample in films.samples for finding in sample.labels}
    return tuple(finding for finding in films.findings if finding not in structures)


def scaled_by(model: Model) -> Preprocessing:
    """Its preprocessing; raises ExperimentError where the model says none."""
    if model.scaling is None:
        raise ExperimentError(f"model {model.name!r} is trained here: say its scaling")
    return preprocessing_of(model.scaling)
