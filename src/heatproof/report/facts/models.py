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
    groups: dict[tuple[str, str], list[Judged]] = {}
    for one in judged:
        if one.methods:
            groups.setdefault((one.model, one.data), []).append(one)
    for (group, data), members in groups.items():
        trained = [_seen(one, one.card.trained_on if one.card else None) for one in members]
        tuned = [_seen(one, one.card.tuned_on if one.card else None) for one in members]
        yield PatientOverlap(group, data, _sum(trained), _sum(tuned))


def models(judged: Sequence[Judged]) -> Iterator[ModelText]:
    """One record per group of models."""
    groups: dict[str, dict[str, Judged]] = {}
    for one in judged:
        groups.setdefault(one.model, {}).setdefault(one.member, one)
    for group, members in groups.items():
        first = next(iter(members.values()))
        history = _history(first.trained) if first.trained and not first.id.chosen else {}
        yield ModelText(
            name=group,
            architecture=first.id.architecture,
            head=first.id.head or "its own",
            trained_on="; ".join(dict.fromkeys(_trained_on(one) for one in members.values())),
            seed=first.id.seed if first.card and not first.id.chosen else None,
            weights=tuple(sha for one in members.values() if one.card for sha in _weights(one)),
            preprocessing=_preprocessing(first),
            history=tuple(history.get("auroc", ())),
            best=history.get("best"),
            facts=tuple(_facts(members, history)),
        )


def _history(folder: Path) -> dict[str, Any]:
    """Validation AUROC by epoch, which epoch was kept, and why training stopped."""
    found: dict[str, Any] = json.loads((folder / HISTORY).read_text(encoding="utf-8"))
    return found


def _weights(one: Judged) -> tuple[str, ...]:
    """SHA-256 of the file of weights, or of all that count in an ensemble."""
    counting = {sha for _, chosen in one.id.chosen for sha in chosen}
    every = one.id.checkpoints
    return tuple(sha for sha in every if sha in counting) if counting else every[:1]


def _seen(one: Judged, cohort: Patients | None) -> int | None:
    """How many of the patients it judged; None where nothing is said of whom it saw."""
    if cohort is None or not cohort.patients:
        return None
    return cohort.shared(one.samples)


def _sum(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _trained_on(one: Judged) -> str:
    if one.card is None or not one.card.trained_on.data:
        return one.id.data
    cohort = one.card.trained_on
    return f"{cohort.data} ({len(cohort.patients)} patients)"


def _preprocessing(one: Judged) -> str:
    if one.card is None:
        return "unknown: only its maps were imported"
    used = one.card.preprocessing
    geometry = type(used.geometry).__name__.lower()
    scaled = f"mean {_short(used.mean)}, deviation {_short(used.std)}"
    return f"{geometry} to {used.size[0]} × {used.size[1]}, {used.channels} channel(s), {scaled}"


def _short(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in dict.fromkeys(values))


def _facts(members: dict[str, Judged], history: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if len(members) > 1:
        yield "members", f"{', '.join(members)}: each film is judged by one of them"
    for one in members.values():
        if one.id.chosen:
            counts = ", ".join(f"{finding} {len(chosen)}" for finding, chosen in one.id.chosen)
            yield "mean of", f"checkpoints chosen by validation AUROC ({counts})"
        if one.card and one.card.pretrained not in ("unknown", "random"):
            yield "started from", one.card.pretrained
        if one.card and one.card.regions:
            shown = one.card.regions
            yield (
                "learned from",
                f"{shown.kind} by {shown.source} on {count(shown.images, 'image')}",
            )
    if history:
        yield "training stopped", history["stopped"]
