"""Which model judges which films."""

from collections.abc import Mapping
from dataclasses import dataclass

from heatproof.errors import ExperimentError, near_misses
from heatproof.experiment.file import Experiment
from heatproof.experiment.films import Films, matching
from heatproof.types import Sample


@dataclass(frozen=True)
class Judging:
    """One model, one data set, and which of its films that model judges.

    Attributes:
        model: Its name.
        group: What reports call it: cross-fitted models share a name.
        films: The data set.
        samples: The films that this model judges.
        explained: False for films that only choose the operating point.
        tunes: True for films that only tune metrics: they are explained, and in no result.
    """

    model: str
    group: str
    films: Films
    samples: tuple[Sample, ...]
    explained: bool = True
    tunes: bool = False


def judgings(experiment: Experiment, data: Mapping[str, Films]) -> tuple[Judging, ...]:
    """Who judges what; raises ExperimentError when two of one group judge the same film."""
    found = []
    validation = experiment.classification.validation
    for model in experiment.models:
        group = model.group or model.name
        every = [entry.name for entry in experiment.data if entry.judged]
        names = every if model.data is None else model.data
        for name in names:
            samples = matching(data[name], model.judges, f"models {model.name!r}, judges")
            found.append(Judging(model.name, group, data[name], samples))
        tuning = experiment.score.tune
        for other in dict.fromkeys(filter(None, (tuning, validation))) if names else ():
            if other not in names or other == tuning:  # which the guard refuses, if judged
                films, tunes = data[other], other == tuning
                found.append(Judging(model.name, group, films, films.samples, tunes, tunes))
    _each_film_once(found)
    return tuple(found)


def _each_film_once(judgings: list[Judging]) -> None:
    seen: dict[tuple[str, str, str], str] = {}
    for judging in judgings:
        for sample in judging.samples:
            key = (judging.group, judging.films.name, sample.image_id)
            if seen.setdefault(key, judging.model) != judging.model:
                raise ExperimentError(
                    f"film {sample.image_id!r} of {judging.films.name!r} is judged by"
                    f" {seen[key]!r} and by {judging.model!r}, which share the group"
                    f" {judging.group!r}; narrow their judges, or give them groups of their own"
                )


def shared_findings(model: str, findings: tuple[str, ...], films: Films) -> tuple[str, ...]:
    """What the model tells and the data knows, in the order of the model.

    Raises:
        ExperimentError: They share no finding; most often two spellings of one name.
    """
    shared = tuple(finding for finding in findings if finding in films.findings)
    if not shared:
        raise ExperimentError(
            f"model {model!r} tells {', '.join(findings)}, but {films.name!r} labels"
            f" {', '.join(films.findings)}; {near_misses(findings[0], films.findings)}"
        )
    return shared
