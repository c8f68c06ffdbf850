"""Which methods, metrics and rules a report used, and how each is defined."""

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from heatproof.analysis.localization import Localization
from heatproof.experiment.workspace import Workspace
from heatproof.localize import DatasetMetric, lower_is_better
from heatproof.maps.binarize import Binarizer
from heatproof.models.localizers import LocalizerArchitecture, localizers
from heatproof.registry import docstring_summary
from heatproof.report.content import MapCounts, MethodText, MetricText, RuleText
from heatproof.report.pictures.positions import axis_end
from heatproof.saliency import definition, methods
from heatproof.stages.blocks import Judged
from heatproof.tables.maps_made import MapsMade
from heatproof.trust.criteria import OfCopies
from heatproof.trust.rules import Rule
from heatproof.types import Validity


def methods_made(work: Workspace, judged: Sequence[Judged], made: MapsMade) -> Iterator[MethodText]:
    """Every method with the maps that it made."""
    for spec in dict.fromkeys(method for one in judged for method in one.methods):
        if method := work.methods.get(spec):
            name, does = type(method).title, definition(type(method))
        elif localizer := _localizer(judged, spec):
            name, does = title_and_definition(localizer)
        else:
            name, does = _title(spec), "Imported as another tool made it."
        rows = made.where(method=spec)
        yield MethodText(spec, name, does, tuple(_map_counts(rows)))


def metrics_used(work: Workspace, panels: Sequence[Localization]) -> Iterator[MetricText]:
    """Every metric with its definition."""
    names = [title_with_options(part) for part in work.metrics.values()]
    for (spec, part), name in zip(work.metrics.items(), names, strict=True):
        yield MetricText(
            spec=spec,
            name=name if names.count(name) == 1 else _with_file_names(spec),
            definition=" ".join([title_and_definition(part)[1], *_cut(part)]),
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


def rules_used(rules: Mapping[str, Rule]) -> Iterator[RuleText]:
    """Every rule of trust with its definition, and what is known to be wrong with it."""
    for spec, rule in rules.items():
        name, definition = title_and_definition(rule)
        yield RuleText(spec, name, definition, rule.remarks)


def _largest(metric: str, panels: Sequence[Localization]) -> float:
    """What no interval of a metric without a largest value exceeds, in one digit."""
    measured = [
        one.estimate
        for panel in panels
        if panel.metric == metric
        for one in (*panel.rows, *panel.controls, *((panel.prior,) if panel.prior else ()))
    ]
    ends: list[float] = [end for e in measured for end in (e.value, e.high) if math.isfinite(end)]
    return axis_end(max(ends, default=0.0))


def title_and_definition(part: object) -> tuple[str, str]:
    """Title and definition of a part: both stand where it is defined."""
    return type(part).title, docstring_summary(type(part).__doc__)  # type: ignore[attr-defined]  # tested for every part


def title_with_options(part: object) -> str:
    """Its title, with the options that differ from the defaults."""
    return f"{title_and_definition(part)[0]}{_options(part)}"


def _localizer(judged: Sequence[Judged], method: str) -> LocalizerArchitecture | None:
    """What made the maps of that name, if a localizer did."""
    cards = [one.card for one in judged if one.card and method in one.methods]
    parts = [localizers.parse(card.id.architecture) for card in cards if card.localizes]
    return parts[0] if parts else None


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
        yield f"What a map marks: {docstring_summary(type(cut).__doc__)}"


def _title(spec: str) -> str:
    """Of a method that was imported: ours, where we have one of that name."""
    return methods.part_class(spec).title if spec in methods.names() else spec  # type: ignore[attr-defined]


def _map_counts(rows: MapsMade) -> Iterator[MapCounts]:
    for (model, data), maps in rows.by("model", "data"):
        sizes = maps.frame.select("height", "width").unique().rows()
        validity = Counter(maps.frame["validity"])
        yield MapCounts(
            model=model,
            dataset=data,
            native=sizes[0] if len(sizes) == 1 else None,
            counts={Validity(name): number for name, number in sorted(validity.items())},
        )
