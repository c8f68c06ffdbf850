"""What an experiment will be able to conclude and what not, and why: known from its films alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from heatproof.experiment.model import ModelEntry
from heatproof.experiment.workspace import Workspace
from heatproof.types import Sample
from heatproof.words import count, listed


@dataclass(frozen=True)
class Prospects:
    """What a report will say, in sentences.

    Attributes:
        can: What it will conclude.
        cannot: What it will not, each with the reason and what would change that.
    """

    can: tuple[str, ...]
    cannot: tuple[str, ...]


def prospects(work: Workspace) -> Prospects:
    """What the films, labels, marks and models of an experiment allow."""
    can: list[str] = []
    cannot: list[str] = []
    for data, films in _judged(work).items():
        findings = _findings(work, data, films)
        for each, sentences in ((can, _allows), (cannot, _lacks)):
            each += [f"{data}: {text}" for text in sentences(work, films, findings)]
    can += [f"{spec} of {_models(work)}" for spec in work.criteria]
    cannot += _of_models(work)
    return Prospects(tuple(can), tuple(cannot))


def _judged(work: Workspace) -> Mapping[str, Sequence[Sample]]:
    """The films that any model judges, or of which maps are imported, by data set."""
    films: dict[str, dict[str, Sample]] = {}
    for one in work.assignments:
        if one.role == "judged":
            found = films.setdefault(one.data, {})
            found.update((sample.image_id, sample) for sample in one.samples)
    for maps in work.experiment.maps:
        found = films.setdefault(maps.data, {})
        found.update((sample.image_id, sample) for sample in work.data[maps.data].samples)
    return {data: tuple(found.values()) for data, found in films.items()}


def _findings(work: Workspace, data: str, films: Sequence[Sample]) -> list[str]:
    """The findings of a data set that some model tells; all of them where no entry says which."""
    told = [set(entry.findings) for entry in _judging(work, data)]
    named = set().union(*told) if told and all(told) else None
    left_out = set(work.experiment.score.structures)
    findings = [one for one in work.data[data].findings if one not in left_out]
    return [one for one in findings if named is None or one in named] if films else []


def _judging(work: Workspace, data: str) -> list[ModelEntry]:
    members = {one.member for one in work.assignments if one.data == data}
    return [entry for entry in work.experiment.models if entry.name in members]


def _labels(films: Sequence[Sample], finding: str) -> tuple[int, int]:
    """Number of films with and without a finding."""
    labels = [sample.labels.get(finding) for sample in films]
    return sum(label is True for label in labels), sum(label is False for label in labels)


def _marked(films: Sequence[Sample], finding: str) -> int:
    """Number of films on which a finding is marked."""
    return sum(any(mark.finding == finding for mark in sample.annotations) for sample in films)


def _allows(work: Workspace, films: Sequence[Sample], findings: Sequence[str]) -> Iterator[str]:
    least = work.experiment.statistics.min_positives
    told = [one for one in findings if all(_labels(films, one))]
    if told and work.experiment.models:
        yield f"AUROC and operating point of {listed(told)}"
    marked = [one for one in findings if _marked(films, one) >= least]
    if marked:
        metrics = listed(work.metrics)
        yield f"whether maps show where {listed(marked)} is ({metrics}), against controls"


def _lacks(work: Workspace, films: Sequence[Sample], findings: Sequence[str]) -> Iterator[str]:
    statistics = work.experiment.statistics
    if not films:
        yield "no film is judged; do its judges = {...} leave none?"
        return
    for what, place, cure in (
        ("positives", 0, "no AUROC, and no map to ask where it is"),
        ("negatives", 1, "no AUROC, specificity or operating point; add films without it"),
    ):
        without = [one for one in findings if not _labels(films, one)[place]]
        if without:
            yield f"{listed(without)}: no {what} among {count(len(films), 'film')}: {cure}"
    unmarked = [one for one in findings if not _marked(films, one)]
    if unmarked:
        yield (
            f"{listed(unmarked)}: nothing is marked: no localization; boxes, mask or coco of"
            " [[data]] say where it is"
        )
    few = [
        f"{one} {positives}"
        for one in findings
        if 0 < (positives := _labels(films, one)[0]) < statistics.min_positives
    ]
    if few:
        yield (
            f"findings with fewer than min_positives = {statistics.min_positives} positives"
            f" ({listed(few)}) are described, and nothing is inferred from them"
        )
    unknown = sum(sample.patient_id is None for sample in films)
    if unknown and statistics.by == "patient":
        yield (
            f"patients unknown of {count(unknown, 'film')}: each counts as a patient, so that"
            " intervals are by image, and too short where a patient has several films; say patient"
        )


def _models(work: Workspace) -> str:
    return listed(dict.fromkeys(one.model for one in work.assignments if one.role == "judged"))


def _of_models(work: Workspace) -> Iterator[str]:
    experiment = work.experiment
    judging = dict.fromkeys(one.model for one in work.assignments if one.role == "judged")
    models = [*judging, *(maps.name for maps in experiment.maps)]
    if len(models) == 1:
        yield (
            f"one model ({models[0]}): no repeatability, which needs another that differs in its"
            " seed alone; no reproducibility, which needs another architecture; no comparison"
        )
    if not work.criteria:
        yield "trust is not asked: whether maps depend on what the model learned stays unknown"
    silent = [
        entry.name
        for entry in experiment.models
        if entry.module and not entry.made_here and not entry.trained_on
    ]
    if silent:
        yield (
            f"trained_on of {listed(silent)} is unknown: whether a judged patient trained it"
            " cannot be seen; say trained_on"
        )
