"""Which models were judged, and whom they had seen before."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from heatproof.experiment.workspace import read_history
from heatproof.models.card import Cohort as Patients
from heatproof.models.card import hash_patient
from heatproof.report.content import ModelText, PatientOverlap
from heatproof.stages.blocks import Judged
from heatproof.types import Sample
from heatproof.words import count, patients_and_films

Place = tuple[str, str]
"""Data set and ``image_id`` of a film."""


def patient_overlaps(
    judged: Sequence[Judged], aside: Collection[Place] = ()
) -> Iterator[PatientOverlap]:
    """How many of the judged patients each model has seen before.

    Args:
        judged: Models and data sets.
        aside: Films that could not be judged.
    """
    members_of: dict[tuple[str, str], list[Judged]] = {}
    for member in judged:
        if member.methods:
            members_of.setdefault((member.model, member.data), []).append(member)
    for (model, data), members in members_of.items():
        films = [
            [sample for sample in member.samples if (data, sample.image_id) not in aside]
            for member in members
        ]
        is_known = {s.cluster: s.patient_id is not None for samples in films for s in samples}
        yield PatientOverlap(
            model,
            data,
            _seen(films, [m.card.trained_on if m.card else None for m in members]),
            _seen(films, [m.card.tuned_on if m.card else None for m in members]),
            patients=sum(is_known.values()),
            lone=len(is_known) - sum(is_known.values()),
        )


def clusters_by_hash(films: Iterable[Sample]) -> dict[str, bool]:
    """The name on cards of everybody in some films, and whether it is that of a known patient."""
    known = {sample.cluster: sample.patient_id is not None for sample in films}
    return {hash_patient(cluster): is_known for cluster, is_known in known.items()}


def models(judged: Sequence[Judged], known: Mapping[str, bool]) -> Iterator[ModelText]:
    """One record per model; what its members share is taken from the first of them.

    Args:
        judged: Models and data sets.
        known: What ``clusters_by_hash`` says of the films of the experiment.
    """
    members_of: dict[str, dict[str, Judged]] = {}
    for member in judged:
        # A member that judges several data sets counts once.
        members_of.setdefault(member.model, {}).setdefault(member.member, member)
    for model, members in members_of.items():
        first = next(iter(members.values()))
        # An ensemble has no training of its own.
        history = read_history(first.trained) if first.trained and not first.id.chosen else {}
        yield ModelText(
            name=model,
            architecture=first.id.architecture,
            head=first.id.head or "its own",
            # Members that were trained on the same data share one phrase.
            trained_on="; ".join(dict.fromkeys(_trained_on(m, known) for m in members.values())),
            seed=first.id.seed if first.card and not first.id.chosen else None,
            weights=tuple(sha for m in members.values() if m.card for sha in _weights(m)),
            preprocessing=_preprocessing(first),
            history=tuple(history.get("auroc", ())),
            best=history.get("best"),
            facts=tuple(_facts(members, history)),
        )


def _weights(member: Judged) -> tuple[str, ...]:
    """SHA-256 of the file of weights, or of all files that count in an ensemble."""
    counting = {sha for _, chosen in member.id.chosen for sha in chosen}
    checkpoints = member.id.checkpoints
    return tuple(sha for sha in checkpoints if sha in counting) if counting else checkpoints[:1]


def _seen(films: Sequence[Sequence[Sample]], cohorts: Sequence[Patients | None]) -> int | None:
    """How many patients a model has seen, whose members judge some films each.

    None where any member's cohort is unknown, since a number would then say too little.

    Args:
        films: The films that each member judges.
        cohorts: Whom each member has seen.
    """
    seen: set[str] = set()
    for samples, cohort in zip(films, cohorts, strict=True):
        if cohort is None or not cohort.patients:
            return None
        # A patient may have films that several members judge, and is one patient all the same.
        seen |= cohort.among(samples)
    return len(seen)


def _trained_on(member: Judged, known: Mapping[str, bool]) -> str:
    if member.card is None or not member.card.trained_on.data:
        return member.id.data
    cohort = member.card.trained_on
    kinds = Counter(known.get(patient) for patient in cohort.patients)
    # Of films that are not here nobody knows whether a name is that of a patient.
    whom = (
        f"{count(len(cohort.patients), 'patient')}, or films where patients are unknown"
        if kinds[None]
        else patients_and_films(kinds[True], kinds[False])
    )
    return f"{cohort.data} ({whom})"


def _preprocessing(member: Judged) -> str:
    if member.card is None:
        return "unknown: only its maps were imported"
    return member.card.preprocessing.words


def _facts(members: dict[str, Judged], history: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if len(members) > 1:
        yield "members", f"{', '.join(members)}: each film is judged by one of them"
    for member in members.values():
        if member.id.chosen:
            counts = ", ".join(f"{finding} {len(chosen)}" for finding, chosen in member.id.chosen)
            yield "mean of", f"checkpoints chosen by validation AUROC ({counts})"
        if member.card and member.card.pretrained not in ("unknown", "random"):
            yield "started from", member.card.pretrained
        if member.card and member.card.regions:
            regions = member.card.regions
            yield (
                "learned from",
                f"{regions.kind} by {regions.source} on {count(regions.images, 'film')}",
            )
    if history:
        yield "training stopped", history["stopped"]
