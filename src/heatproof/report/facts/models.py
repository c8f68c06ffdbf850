"""Which models were judged, and whom they had seen before."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from heatproof.experiment.workspace import HISTORY
from heatproof.models.card import Cohort as Patients
from heatproof.report.content import ModelText, PatientOverlap
from heatproof.stages.blocks import Judged
from heatproof.words import count


def patient_overlaps(judged: Sequence[Judged]) -> Iterator[PatientOverlap]:
    """How many of the judged patients each model has seen before."""
    members_of: dict[tuple[str, str], list[Judged]] = {}
    for member in judged:
        if member.methods:
            members_of.setdefault((member.model, member.data), []).append(member)
    for (model, data), members in members_of.items():
        trained = [_seen(m, m.card.trained_on if m.card else None) for m in members]
        tuned = [_seen(m, m.card.tuned_on if m.card else None) for m in members]
        yield PatientOverlap(model, data, _sum(trained), _sum(tuned))


def models(judged: Sequence[Judged]) -> Iterator[ModelText]:
    """One record per model; what its members share is taken from the first of them."""
    members_of: dict[str, dict[str, Judged]] = {}
    for member in judged:
        # A member that judges several data sets counts once.
        members_of.setdefault(member.model, {}).setdefault(member.member, member)
    for model, members in members_of.items():
        first = next(iter(members.values()))
        # An ensemble has no training of its own.
        history = _history(first.trained) if first.trained and not first.id.chosen else {}
        yield ModelText(
            name=model,
            architecture=first.id.architecture,
            head=first.id.head or "its own",
            # Members that were trained on the same data share one phrase.
            trained_on="; ".join(dict.fromkeys(map(_trained_on, members.values()))),
            seed=first.id.seed if first.card and not first.id.chosen else None,
            weights=tuple(sha for m in members.values() if m.card for sha in _weights(m)),
            preprocessing=_preprocessing(first),
            history=tuple(history.get("auroc", ())),
            best=history.get("best"),
            facts=tuple(_facts(members, history)),
        )


def _history(folder: Path) -> dict[str, Any]:
    """Validation AUROC by epoch, which epoch was kept, and why training stopped."""
    history: dict[str, Any] = json.loads((folder / HISTORY).read_text(encoding="utf-8"))
    return history


def _weights(member: Judged) -> tuple[str, ...]:
    """SHA-256 of the file of weights, or of all files that count in an ensemble."""
    counting = {sha for _, chosen in member.id.chosen for sha in chosen}
    checkpoints = member.id.checkpoints
    return tuple(sha for sha in checkpoints if sha in counting) if counting else checkpoints[:1]


def _seen(member: Judged, cohort: Patients | None) -> int | None:
    """How many of the patients whom it judges are in a cohort; None where nobody knows."""
    if cohort is None or not cohort.patients:
        return None
    return cohort.shared(member.samples)


def _sum(counts: Sequence[int | None]) -> int | None:
    """The sum; None where any count is unknown, since the sum would then say too little."""
    defined = [count for count in counts if count is not None]
    return sum(defined) if len(defined) == len(counts) else None


def _trained_on(member: Judged) -> str:
    if member.card is None or not member.card.trained_on.data:
        return member.id.data
    cohort = member.card.trained_on
    return f"{cohort.data} ({len(cohort.patients)} patients)"


def _preprocessing(member: Judged) -> str:
    if member.card is None:
        return "unknown: only its maps were imported"
    used = member.card.preprocessing
    geometry = type(used.geometry).__name__.lower()
    scaled = f"mean {_short(used.mean)}, deviation {_short(used.std)}"
    return f"{geometry} to {used.size[0]} × {used.size[1]}, {used.channels} channel(s), {scaled}"


def _short(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in dict.fromkeys(values))


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
                f"{regions.kind} by {regions.source} on {count(regions.images, 'image')}",
            )
    if history:
        yield "training stopped", history["stopped"]
