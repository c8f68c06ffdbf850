"""What a model that is trained here will be: its settings, its start, its data and its identity."""

import dataclasses
from collections.abc import Sequence

import pydantic

from heatproof.data.splits.sampling import Permuted, at_prevalence, fewer
from heatproof.errors import ExperimentError, SpecError, near_misses
from heatproof.experiment.films import OpenedData
from heatproof.experiment.model import ModelEntry, Training
from heatproof.models.backbones import backbones
from heatproof.models.localizers import localizers
from heatproof.models.preprocessing import Preprocessing
from heatproof.preparation.opening import parts_of
from heatproof.train.settings import Settings
from heatproof.types import Dataset, ModelId


def plan_of(entry: ModelEntry) -> Training:
    """How the model is trained; raises ExperimentError for one that is not trained here."""
    if entry.training is None:
        raise ExperimentError(f"model {entry.name!r} has no training")
    return entry.training


def settings_of(entry: ModelEntry) -> Settings:
    """The training settings; raises ExperimentError for an unknown one."""
    plan, where = plan_of(entry), f"model {entry.name!r}, training.settings"
    names = {field.name for field in dataclasses.fields(Settings)}
    for key in plan.settings:
        if key not in names:
            raise ExperimentError(f"{where}: unknown {key!r}; {near_misses(key, names)}")
    try:
        return pydantic.TypeAdapter(Settings).validate_python(plan.settings)
    except pydantic.ValidationError as error:
        problem = error.errors()[0]
        setting = ".".join(map(str, problem["loc"]))
        given = f"(found {setting} = {problem['input']!r})"
        raise ExperimentError(f"{where}: {problem['msg']} {given}") from error
    except SpecError as error:
        raise ExperimentError(f"{where}: {error}") from error


def scaled_by(entry: ModelEntry) -> Preprocessing:
    """The preprocessing of a model; raises ExperimentError where the experiment says none."""
    if entry.scaling is None:
        raise ExperimentError(f"model {entry.name!r} is trained here: say its scaling")
    return parts_of(entry.scaling)


def trained_id(entry: ModelEntry) -> ModelId:
    """The identity that a model will have, without that of its weights."""
    seed = settings_of(entry).seed
    return ModelId(architecture_of(entry), head_of(entry), plan_of(entry).data, seed)


def architecture_of(entry: ModelEntry) -> str:
    """Spec of a localizer (canonical) or a backbone (as it was written), or the user's module."""
    if entry.module is not None:
        return f"{entry.module}, up to {entry.features}"
    if entry.localizer is None:
        return entry.backbone or ""
    return localizers.spec(localizers.parse(entry.localizer))


def head_of(entry: ModelEntry) -> str:
    """Spec of the head; empty for a localizer, which has its own."""
    return entry.head if entry.localizer is None else ""


def findings_of(films: OpenedData, structures: Sequence[str]) -> tuple[str, ...]:
    """What is to be learned from films: structures that are only marked, such as tubes, are not."""
    left_out = set(structures)
    if left_out:
        left_out -= {finding for sample in films.samples for finding in sample.labels}
    return tuple(finding for finding in films.findings if finding not in left_out)


def sampled(films: OpenedData, entry: ModelEntry) -> Dataset:
    """The part of its training films that a model sees; raises DataError where it is too small."""
    sampling = entry.sampling
    data = fewer(films.usable, sampling.fraction, sampling.seed)
    if sampling.prevalence is not None:
        data = at_prevalence(data, sampling.prevalence, sampling.seed)
    return Permuted(data, sampling.seed) if sampling.permuted else data


def start_of(entries: Sequence[ModelEntry], entry: ModelEntry) -> ModelEntry | None:
    """The earlier model whose backbone a model starts from, or None.

    Args:
        entries: All models of the experiment, in order.
        entry: The model.

    Raises:
        ExperimentError: No earlier model of that name has the same backbone and channels.
    """
    name = plan_of(entry).start
    if name is None:
        return None
    names = [other.name for other in entries]
    earlier = entries[: names.index(entry.name)] if entry.name in names else entries
    start = next((other for other in earlier if other.name == name), None)
    if start is None or _backbone(start) != _backbone(entry):
        raise ExperimentError(
            f"model {entry.name!r} starts from {name!r}, which is no earlier model with the"
            f" backbone {_backbone(entry)!r}; {near_misses(name, [m.name for m in earlier])}"
        )
    channels, of_start = scaled_by(entry).channels, scaled_by(start).channels
    if channels != of_start:
        raise ExperimentError(
            f"model {entry.name!r} has {channels} channels, and {name!r}, from which it starts,"
            f" {of_start}: the first layer would not fit"
        )
    return start


def _backbone(entry: ModelEntry) -> str | None:
    """Canonical spec of a backbone, or the user's module; None of a model not trained here."""
    if entry.module is not None:
        return architecture_of(entry)
    if entry.localizer is not None:
        return backbones.spec(localizers.parse(entry.localizer).backbone)
    return backbones.spec(backbones.parse(entry.backbone)) if entry.backbone else None
