"""Models that are in memory, as the models of an experiment."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from heatproof.errors import ExperimentError
from heatproof.experiment.model import InMemory, ModelEntry
from heatproof.models import Model, wrapped
from heatproof.models.card import Cohort, ModelCard
from heatproof.preparation.opening import network_checksum
from heatproof.types import ModelId, Sample

Replicates = Model | Sequence[Model]
"""A model, or the same network trained several times from other seeds."""
Models = Replicates | Mapping[str, Replicates]
"""One architecture, or several by name."""


def entries(
    models: Models,
    name: str,
    trained_on: Iterable[Sample] = (),
    tuned_on: Iterable[Sample] = (),
    named_by: Literal["architecture", "head"] = "architecture",
    **fields: Any,
) -> list[ModelEntry]:
    """The models of an experiment.

    Args:
        models: A model; a list of replicates, numbered as their seeds; or either by the name of
            its architecture, or of its head.
        name: Name of what has no name of its own.
        trained_on: Films that trained them.
        tuned_on: Films that stopped or selected them.
        named_by: What the names of several models are names of; all else they share.
        fields: Further fields of every entry.

    Raises:
        ExperimentError: There is no model.
        ModelError: One of them is a bare network.
    """
    cohorts = Cohort.of("its training films", trained_on), Cohort.of("its tuning films", tuned_on)
    return [
        ModelEntry(name=called, in_memory=InMemory(model, _card(model, id_, cohorts)), **fields)
        for called, model, id_ in _named(models, name, named_by)
    ]


def _named(models: Models, name: str, named_by: str) -> Iterator[tuple[str, Model, dict[str, Any]]]:
    """Name, model and what tells it from others."""
    by_name = models if isinstance(models, Mapping) else {name: models}
    if not by_name or not all(_listed(of_name) for of_name in by_name.values()):
        raise ExperimentError("there is no model to judge; expected at least one")
    for called, of_name in by_name.items():
        for seed, model in enumerate(_listed(of_name)):
            several = isinstance(of_name, Sequence)
            # The class of a wrapped network is the same for all, so a name tells architectures
            # apart wherever there is one.
            told = {"architecture": type(model).__name__}
            if isinstance(models, Mapping):
                told[named_by] = called
            yield (
                f"{called}, seed {seed}" if several else called,
                wrapped(model),
                {**told, "seed": seed},
            )


def _listed(models: Replicates) -> Sequence[Model]:
    return models if isinstance(models, Sequence) else (models,)


def _card(model: Model, id_: dict[str, Any], cohorts: tuple[Cohort, Cohort]) -> ModelCard:
    # The weights tell models in memory apart, so that results of another one are not reused.
    return ModelCard(
        id=ModelId(**id_, checkpoints=(network_checksum(model),)),
        findings=model.findings,
        preprocessing=model.preprocessing,
        pretrained="unknown",
        trained_on=cohorts[0],
        tuned_on=cohorts[1],
    )
