"""Which model sees which films, and what for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from heatproof.errors import ExperimentError, near_misses
from heatproof.experiment.file import Experiment
from heatproof.experiment.films import OpenedData, matching
from heatproof.types import Sample

Role = Literal["judged", "tunes", "thresholds"]
"""What films are for.

``judged``: they stand in the results.  ``tunes``: metrics take their thresholds from them; they are
explained, and stand in no result.  ``thresholds``: the classifier takes its operating point from
them; they are not explained.
"""


@dataclass(frozen=True)
class Assignment:
    """One model, one data set, and which of its films the model sees.

    Attributes:
        member: Name of the trained network, as the experiment calls it.
        model: Name of the model, which cross-fitted members share.
        films: The data set.
        samples: The films that this model sees.
        role: What the films are for.
    """

    member: str
    model: str
    films: OpenedData
    samples: tuple[Sample, ...]
    role: Role = "judged"

    @property
    def data(self) -> str:
        """Name of the data set."""
        return self.films.name

    @property
    def explained(self) -> bool:
        """Whether maps of these films are made."""
        return self.role != "thresholds"


def assignments(experiment: Experiment, data: Mapping[str, OpenedData]) -> tuple[Assignment, ...]:
    """Every model with every data set that it sees.

    Raises:
        ExperimentError: Two models of one group judge the same film, or ``judges`` names metadata
            that no film has.
    """
    assigned = []
    tuning, validation = experiment.score.tune, experiment.classification.validation
    every_judged = [entry.name for entry in experiment.data if entry.judged]
    for model in experiment.models:
        group = model.group or model.name
        # None stands for all data that is judged, and an empty list for no data.
        judged = every_judged if model.data is None else model.data
        for name in judged:
            samples = matching(data[name], model.judges, f"models {model.name!r}, judges")
            assigned.append(Assignment(model.name, group, data[name], samples))
        if not judged:
            continue  # the model is there for others that start from it, or for an ensemble
        # One data set may tune and choose thresholds, and is then assigned once.
        for name in dict.fromkeys(filter(None, (tuning, validation))):
            # Validation films that are judged as well are predicted already.  Tuning films that
            # are judged are refused by the guard, which has to see both roles.
            if name == tuning or name not in judged:
                role: Role = "tunes" if name == tuning else "thresholds"
                films = data[name]
                assigned.append(Assignment(model.name, group, films, films.samples, role))
    _check_once(assigned)
    return tuple(assigned)


def _check_once(assigned: Sequence[Assignment]) -> None:
    """Raises ExperimentError where two models of one group see the same film."""
    # Results are reported by model, in which a film judged by two members would count twice.
    models: dict[tuple[str, str, str], str] = {}
    for assignment in assigned:
        for sample in assignment.samples:
            key = (assignment.model, assignment.data, sample.image_id)
            first = models.setdefault(key, assignment.member)
            if first != assignment.member:
                raise ExperimentError(
                    f"film {sample.image_id!r} of {assignment.data!r} is judged by"
                    f" {first!r} and by {assignment.member!r}, which share the group"
                    f" {assignment.model!r}; narrow their judges, or give them groups of their own"
                )


def shared_findings(model: str, findings: tuple[str, ...], films: OpenedData) -> tuple[str, ...]:
    """The findings that a model predicts and a data set labels, in the order of the model.

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
