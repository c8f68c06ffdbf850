"""What a report says besides numbers: who was judged, by what, and where everything comes from."""

import dataclasses
import hashlib
import inspect
import json
import math
import platform
import re
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from heatproof.explain import definition, methods
from heatproof.localize import DatasetMetric, lower_is_better
from heatproof.maps.binarize import Binarizer
from heatproof.models.card import Cohort as Patients
from heatproof.models.localizers import LocalizerArchitecture, localizers
from heatproof.report import content, measured
from heatproof.report.words import count
from heatproof.run.contents import contents
from heatproof.run.explaining import Judged
from heatproof.run.workspace import HISTORY, Workspace
from heatproof.trust.criteria import OfCopies
from heatproof.trust.rules import Rule
from heatproof.types import Sample, Validity

LIBRARIES = ("heatproof", "torch", "timm", "numpy", "scipy", "opencv-python-headless", "pillow")
# As metadata are called: sex, nih_sex, Patient Gender; age, PatientAge.
SEX = re.compile(r"(.*[_\W])?(patient)?(sex|gender)", re.IGNORECASE)
AGE = re.compile(r"(.*[_\W])?(patient)?age", re.IGNORECASE)
YEARS = re.compile(r"0*(\d{1,3}(\.\d+)?)Y?")  # a number, or an age string of DICOM


def cohorts(work: Workspace, aside: Sequence[content.SetAside]) -> Iterator[content.Cohort]:
    """Who was judged, of every data set: those that no model judges stand in no number."""
    gone = {(entry.dataset, entry.image_id) for entry in aside if entry.whole}
    judging = [one for one in work.judgings if one.explained and not one.tunes]
    shown = {(one.films.name, sample.image_id) for one in judging for sample in one.samples}
    for maps in work.experiment.maps:
        if maps.data == work.experiment.score.tune:
            continue
        shown |= {(maps.data, sample.image_id) for sample in work.data[maps.data].samples}
    names, judged = {name for name, _ in shown}, shown - gone
    for entry in work.experiment.data:
        if entry.name not in names:
            continue
        films = work.data[entry.name]
        samples = [s for s in films.samples if (entry.name, s.image_id) in judged]
        found = (YEARS.fullmatch(value) for value in _values(samples, AGE))
        ages = [float(years[1]) for years in found if years]
        yield content.Cohort(
            name=entry.name,
            images=len(samples),
            patients=_patients(samples),
            counts=tuple(_counts(samples, finding) for finding in films.findings),
            sexes=_with_unknown(_values(samples, SEX)),
            views=_with_unknown([sample.view for sample in samples]),
            age_median=statistics.median(ages) if ages else None,
            age_range=(min(ages), max(ages)) if ages else None,
            age_unknown=len(samples) - len(ages),
            description=_first_line(type(films.dataset)),
        )


def overlaps(judged: Sequence[Judged]) -> Iterator[content.Overlap]:
    """How many of the judged patients each model has seen before."""
    groups: dict[tuple[str, str], list[Judged]] = {}
    for one in judged:
        if one.methods:
            groups.setdefault((one.judging.group, one.judging.films.name), []).append(one)
    for (group, data), members in groups.items():
        trained = [_seen(one, one.card.trained_on if one.card else None) for one in members]
        tuned = [_seen(one, one.card.tuned_on if one.card else None) for one in members]
        yield content.Overlap(group, data, _sum(trained), _sum(tuned))


def models(judged: Sequence[Judged]) -> Iterator[content.Model]:
    """One record per group of models."""
    groups: dict[str, dict[str, Judged]] = {}
    for one in judged:
        groups.setdefault(one.judging.group, {}).setdefault(one.judging.model, one)
    for group, members in groups.items():
        first = next(iter(members.values()))
        history = _history(first.trained) if first.trained and not first.id.chosen else {}
        yield content.Model(
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


def methods_made(
    work: Workspace, judged: Sequence[Judged], made: pl.DataFrame
) -> Iterator[content.Method]:
    """Every method with the maps that it made."""
    for spec in dict.fromkeys(method for one in judged for method in one.methods):
        if method := work.methods.get(spec):
            name, does = type(method).title, definition(type(method))
        elif localizer := _localizer(judged, spec):
            name, does = _named(localizer)
        else:
            name, does = _title(spec), "Imported as another tool made it."
        rows = made.filter(pl.col("method") == spec)
        yield content.Method(spec, name, does, tuple(_map_counts(rows)))


def metrics_used(
    work: Workspace, panels: Sequence[measured.Localization]
) -> Iterator[measured.Metric]:
    """Every metric with its definition."""
    names = [f"{_named(part)[0]}{_options(part)}" for part in work.metrics.values()]
    for (spec, part), name in zip(work.metrics.items(), names, strict=True):
        yield measured.Metric(
            spec=spec,
            name=name if names.count(name) == 1 else _with_file_names(spec),
            definition=" ".join([_named(part)[1], *_cut(part)]),
            undefined=part.undefined,
            high=_largest(spec, panels) if lower_is_better(part) else 1.0,
            chance=part.chance,
            per_map=part.per_map if isinstance(part, DatasetMetric) else "",
            lower_is_better=lower_is_better(part),
        )


def measures(work: Workspace) -> dict[str, str]:
    """Names of similarities for people, by spec, with those of criteria that have their own."""
    found = dict(work.similarities)
    for criterion in work.criteria.values():
        if isinstance(criterion, OfCopies):
            found |= criterion.measured_by(work.similarities)
    return {spec: similarity.title for spec, similarity in found.items()}


def rules_used(rules: Mapping[str, Rule]) -> Iterator[measured.Rule]:
    """Every rule of trust with its definition, and what is known to be wrong with it."""
    for spec, rule in rules.items():
        name, definition = _named(rule)
        yield measured.Rule(spec, name, definition, rule.remarks)


def provenance(work: Workspace, judged: Sequence[Judged]) -> content.Provenance:
    """Enough to make the numbers again; no date and no timing, so equal runs give equal pages."""
    experiment = work.experiment
    return content.Provenance(
        command=experiment.command,
        versions=(
            *((name, version(name)) for name in LIBRARIES),
            ("Python", platform.python_version()),
        ),
        hashes=(
            *((f"data {name}", contents(work, films)) for name, films in work.data.items()),
            *((("experiment file", _sha256(experiment.text)),) if experiment.text else ()),
        ),
        seeds=(
            ("bootstrap", str(experiment.statistics.seed)),
            ("gallery", str(experiment.report.seed)),
            *(
                (one.judging.model, str(one.id.seed))
                for one in judged
                if one.trained and not one.id.chosen
            ),
        ),
        machine=f"{platform.system()} {platform.machine()}",
        experiment=experiment.text,
    )


def _largest(metric: str, panels: Sequence[measured.Localization]) -> float:
    """What no interval of a metric without a largest value exceeds, in one digit."""
    measured = [
        one.estimate
        for panel in panels
        if panel.metric == metric
        for one in (*panel.rows, *panel.controls, *((panel.prior,) if panel.prior else ()))
    ]
    ends: list[float] = [end for e in measured for end in (e.value, e.high) if math.isfinite(end)]
    if not max(ends, default=0.0):
        return 1.0
    digit = float(10 ** math.floor(math.log10(max(ends))))
    return math.ceil(max(ends) / digit) * digit


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _named(part: object) -> tuple[str, str]:
    """Title and definition of a part: both stand where it is defined."""
    return type(part).title, _first_line(type(part))  # type: ignore[attr-defined]  # tested for every part


def _localizer(judged: Sequence[Judged], method: str) -> LocalizerArchitecture | None:
    """What made the maps of that name, if a localizer did."""
    cards = [one.card for one in judged if one.card and method in one.methods]
    parts = [localizers.parse(card.id.architecture) for card in cards if card.localizes]
    return parts[0] if parts else None


def _history(folder: Path) -> dict[str, Any]:
    """Validation AUROC by epoch, which epoch was kept, and why training stopped."""
    found: dict[str, Any] = json.loads((folder / HISTORY).read_text(encoding="utf-8"))
    return found


def _first_line(cls: type) -> str:
    """The summary of a docstring."""
    text = inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0]
    return text.replace("\n", " ").replace("``", "")


def _options(part: object) -> str:
    """How a part differs from its kind, in words, such as ``" (fixed, threshold 0.4)"``."""
    words = []
    for field in dataclasses.fields(part):  # type: ignore[arg-type]
        value = getattr(part, field.name)
        if value == field.default or isinstance(value, Path):
            continue  # which file it is, the spec says
        if "registry" in field.metadata and value is not None:
            name = field.metadata["registry"].spec(value).partition("(")[0]
            words.append(f"{name.replace('_', ' ')}{_options(value)}")
        else:
            words.append(f"{field.name.replace('_', ' ')} {value}")
    return f" ({', '.join(words)})" if words else ""


def _with_file_names(spec: str) -> str:
    """The spec, with files instead of paths."""
    return re.sub("'[^']*/", "'", spec)


def _cut(part: object) -> Iterator[str]:
    """How a metric of masks makes one of a map."""
    if isinstance(cut := getattr(part, "binarize", None), Binarizer):
        yield f"What a map marks: {_first_line(type(cut))}"


def _title(spec: str) -> str:
    """Of a method that was imported: ours, where we have one of that name."""
    return methods.part_class(spec).title if spec in methods.names() else spec  # type: ignore[attr-defined]


def _values(samples: Sequence[Sample], name: re.Pattern[str]) -> list[str]:
    """One per film, of the first metadata of such a name; empty where it has none."""
    return [
        next((_spelled(value) for key, value in s.metadata.items() if name.fullmatch(key)), "")
        for s in samples
    ]


def _spelled(value: str | float) -> str:
    return f"{value:g}" if isinstance(value, float) else value


def _with_unknown(values: Sequence[str]) -> dict[str, int]:
    """Value to films; those of which nothing is known last, and none where that are all."""
    counts = Counter(values)
    unknown = counts.pop("", 0)
    known = dict(sorted(counts.items()))
    return known | {"unknown": unknown} if known and unknown else known


def _patients(samples: Sequence[Sample]) -> int | None:
    known = {sample.patient_id for sample in samples}
    return None if None in known else len(known)


def _counts(samples: Sequence[Sample], finding: str) -> content.FindingCounts:
    labels = Counter(s.labels[finding] for s in samples if finding in s.labels)
    marked = sum(any(a.finding == finding for a in s.annotations) for s in samples)
    unknown = len(samples) - sum(labels.values())
    return content.FindingCounts(
        finding, labels[True], labels[False], labels[None], unknown, marked
    )


def _weights(one: Judged) -> tuple[str, ...]:
    """SHA-256 of the file of weights, or of all that count in an ensemble."""
    counting = {sha for _, chosen in one.id.chosen for sha in chosen}
    every = one.id.checkpoints
    return tuple(sha for sha in every if sha in counting) if counting else every[:1]


def _seen(one: Judged, cohort: Patients | None) -> int | None:
    """How many of the patients it judged; None where nothing is said of whom it saw."""
    if cohort is None or not cohort.patients:
        return None
    return cohort.shared(one.judging.samples)


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


def _map_counts(rows: pl.DataFrame) -> Iterator[content.MapCounts]:
    for (group, data), maps in rows.group_by(["group", "data"], maintain_order=True):
        sizes = maps.select("height", "width").unique().rows()
        yield content.MapCounts(
            model=str(group),
            dataset=str(data),
            native=sizes[0] if len(sizes) == 1 else None,
            counts={Validity(name): n for name, n in sorted(Counter(maps["validity"]).items())},
        )
