"""Which methods, metrics and rules a report used, and how each is defined."""

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from heatproof.analysis.localization import Localization
from heatproof.localize import DatasetMetric, Metric, lower_is_better, unbounded
from heatproof.maps.binarize import Binarizer
from heatproof.models.localizers import LocalizerArchitecture, localizers
from heatproof.registry import docstring_summary, part_name
from heatproof.report.content import MapCounts, MethodText, MetricText, RuleText
from heatproof.report.pictures.positions import axis_end
from heatproof.saliency import Method, definition
from heatproof.saliency import methods as registry
from heatproof.stages.blocks import Judged
from heatproof.tables.maps_made import MapsMade
from heatproof.trust.criteria import Criterion, OfCopies
from heatproof.trust.rules import Rule
from heatproof.trust.similarity import Similarity
from heatproof.types import Validity


def methods_made(
    methods: Mapping[str, Method], judged: Sequence[Judged], made: MapsMade
) -> Iterator[MethodText]:
    """Every method with the number of its maps.

    Args:
        methods: The saliency methods of the experiment by spec.  Maps of other methods were
            imported, or a localizer made them.
        judged: Models and data sets, which say what made their maps.
        made: The maps in the store.
    """
    for spec in dict.fromkeys(method for record in judged for method in record.methods):
        if method := methods.get(spec):
            name, meaning = type(method).title, definition(type(method))
        elif localizer := _localizer(judged, spec):
            name, meaning = title_and_definition(localizer)
        else:
            name, meaning = _imported_title(spec), "Imported as another tool made it."
        yield MethodText(spec, name, meaning, tuple(_map_counts(made.where(method=spec))))


def metrics_used(
    metrics: Mapping[str, Metric], panels: Sequence[Localization]
) -> Iterator[MetricText]:
    """Every metric with its definition.

    Args:
        metrics: The metrics of the experiment by spec.
        panels: What was measured: it says how far the axis of a distance must reach.
    """
    names = [title_with_options(metric) for metric in metrics.values()]
    for (spec, metric), name in zip(metrics.items(), names, strict=True):
        yield MetricText(
            spec=spec,
            # Two metrics of one title could not be told apart.
            name=name if names.count(name) == 1 else _with_file_names(spec),
            definition=" ".join([title_and_definition(metric)[1], *_binarizing(metric)]),
            undefined=metric.undefined,
            # A distance has no largest value, so its axis ends where the measured ones do.
            low=_axis_start(spec, panels) if unbounded(metric) else 0.0,
            high=_axis_end(spec, panels) if unbounded(metric) else 1.0,
            chance=metric.chance,
            per_map=metric.per_map if isinstance(metric, DatasetMetric) else "",
            lower_is_better=lower_is_better(metric),
        )


def similarity_names(
    similarities: Mapping[str, Similarity], criteria: Mapping[str, Criterion]
) -> dict[str, str]:
    """Titles of similarities by spec: those of the experiment, and those that criteria bring."""
    used = dict(similarities)
    for criterion in criteria.values():
        if isinstance(criterion, OfCopies):
            used |= criterion.measured_by(similarities)
    return {spec: similarity.title for spec, similarity in used.items()}


def rules_used(rules: Mapping[str, Rule]) -> Iterator[RuleText]:
    """Every rule of trust with its definition, and what is known to be wrong with it."""
    for spec, rule in rules.items():
        name, definition = title_and_definition(rule)
        yield RuleText(spec, name, definition, rule.remarks)


def _axis_end(metric: str, panels: Sequence[Localization]) -> float:
    """A number of one digit that no value and no interval of a metric exceeds."""
    ends = _ends(metric, panels)
    return axis_end(max(ends, default=0.0))


def _axis_start(metric: str, panels: Sequence[Localization]) -> float:
    """0, or a number of one digit that every value and interval of a metric exceeds."""
    least = min(_ends(metric, panels), default=0.0)
    return -axis_end(-least) if least < 0 else 0.0


def _ends(metric: str, panels: Sequence[Localization]) -> list[float]:
    """Every value and end of an interval of a metric that is finite."""
    measured = [panel for panel in panels if panel.metric == metric]
    estimates = [row.estimate for panel in measured for row in panel.rows]
    estimates += [row.estimate for panel in measured for row in panel.every_control]
    ends = [end for e in estimates for end in (e.value, e.low, e.high)]
    return [end for end in ends if math.isfinite(end)]


def title_and_definition(part: object) -> tuple[str, str]:
    """Title of a part, and its definition: the first paragraph of its docstring."""
    return type(part).title, docstring_summary(type(part).__doc__)  # type: ignore[attr-defined]  # tested for every part


def title_with_options(part: object) -> str:
    """Title of a part, with the options that differ from the defaults."""
    return f"{title_and_definition(part)[0]}{_options(part)}"


def _localizer(judged: Sequence[Judged], method: str) -> LocalizerArchitecture | None:
    """The localizer that made the maps of a method; None where none did."""
    cards = [record.card for record in judged if record.card and method in record.methods]
    parts = [localizers.parse(card.id.architecture) for card in cards if card.localizes]
    return parts[0] if parts else None


def _options(part: object) -> str:
    """How a part differs from its kind, in words, such as ``" (fixed, threshold 0.4)"``."""
    words = []
    for field in dataclasses.fields(part):  # type: ignore[arg-type]  # every part is a dataclass
        value = getattr(part, field.name)
        if value == field.default or isinstance(value, Path):
            continue  # which file it is, the spec says
        if "registry" in field.metadata and value is not None:
            name = part_name(field.metadata["registry"].spec(value))
            words.append(f"{name.replace('_', ' ')}{_options(value)}")
        else:
            words.append(f"{field.name.replace('_', ' ')} {value}")
    return f" ({', '.join(words)})" if words else ""


def _with_file_names(spec: str) -> str:
    """The spec, with names of files instead of paths, which may be long and say who ran it."""
    return re.sub("'[^']*/", "'", spec)


def _binarizing(part: object) -> Iterator[str]:
    """How a metric of masks makes a mask of a map; nothing of other metrics."""
    if isinstance(binarizer := getattr(part, "binarize", None), Binarizer):
        yield f"What a map marks: {docstring_summary(type(binarizer).__doc__)}"


def _imported_title(name: str) -> str:
    """The title of the method that imported maps are named after; the name itself without one."""
    return registry.part_class(name).title if name in registry.names() else name  # type: ignore[attr-defined]  # tested for every method


def _map_counts(rows: MapsMade) -> Iterator[MapCounts]:
    """The maps of one method, per model and data set."""
    for (model, data), maps in rows.by("model", "data"):
        sizes = maps.frame.select("height", "width").unique().rows()
        validity = Counter(maps.frame["validity"])
        yield MapCounts(
            model=model,
            dataset=data,
            native=sizes[0] if len(sizes) == 1 else None,
            counts={Validity(name): number for name, number in sorted(validity.items())},
        )
