"""How a score changes with its threshold, over all thresholds that an experiment measured.

Metrics that differ in nothing but a fixed threshold of the map, or the cut-off of probability, are
points of one curve; sensitivity and precision of pixels at the same thresholds make one of
precision over recall.  One threshold alone makes no curve.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

from heatproof.analysis.localization import ControlRow, Localization, MethodRow
from heatproof.errors import SpecError
from heatproof.localize import Metric, RateOfPixels, at_cutoff, metrics, rate_of_pixels
from heatproof.localize.controls import HUMAN_BENCHMARK
from heatproof.maps.binarize import at_threshold
from heatproof.report.content import Content
from heatproof.report.names import described_metrics, file_name, method_names
from heatproof.report.pictures.plots import Plot, PlotCurve
from heatproof.types import Estimate

CurveFamily = tuple[str, str, str, str]
"""Data set, finding, model, and the metric without a threshold."""
_THRESHOLD, _CUTOFF = "Threshold of the map", "Cut-off of probability"


def threshold_curves(content: Content) -> Iterator[Plot]:
    """One for each data set, finding and metric that was measured at several thresholds."""
    names, described = method_names(content), described_metrics(content)
    families: dict[tuple[CurveFamily, str], list[tuple[float, Localization]]] = {}
    for panel in content.localization:
        for family, axis, at in _points(panel.metric):
            place = (panel.dataset, panel.finding, panel.model, family)
            families.setdefault((place, axis), []).append((at, panel))
    for (place, axis), panels in families.items():
        # A curve joins its points in this order.
        panels.sort(key=lambda pair: pair[0])
        if len({at for at, _ in panels}) > 1:
            title = metrics.parse(place[3]).title
            yield Plot(
                file_name("thresholds", *place[:3], place[3], axis.split()[0]),
                f"{title} for {place[1]}, {place[0]}",
                axis,
                title,
                tuple(_curves(panels, names)),
                high=(1.0, described[panels[0][1].metric].high),
            )


def precision_recall(content: Content) -> Iterator[Plot]:
    """Precision over recall of pixels, where both were measured at the same thresholds."""
    names = method_names(content)
    rates: dict[CurveFamily, dict[float, dict[str, Localization]]] = {}
    for panel in content.localization:
        if point := _rate(panel.metric):
            rate, at = point
            how = f"pooled {rate.pooled}" if rate.pooled else ""
            place = (panel.dataset, panel.finding, panel.model, how)
            rates.setdefault(place, {}).setdefault(at, {})[rate.kind] = panel
    for place, by_threshold in rates.items():
        both = [pair for _, pair in sorted(by_threshold.items()) if len(pair) > 1]
        if len(both) > 1:
            yield Plot(
                file_name("precision-recall", *place),
                f"Precision and recall of pixels for {place[1]}, {place[0]}",
                "Recall: share of the marked pixels that the map marks",
                "Precision: share of the map's pixels that are marked",
                tuple(_pr_curves(both, names)),
            )


def _points(spec: str) -> Iterator[tuple[str, str, float]]:
    """The metric without its threshold, the axis, and where on it the metric stands."""
    part = _part(spec)
    if part is None:
        return
    if moved := at_cutoff(part):
        cutoff, whole = moved
        yield metrics.spec(whole), _CUTOFF, cutoff
    if point := at_threshold(getattr(part, "binarize", None)):
        yield metrics.spec(_without(part)), _THRESHOLD, point.threshold


def _rate(spec: str) -> tuple[RateOfPixels, float] | None:
    """Which of the two rates a metric is, and at which threshold; None where it is neither."""
    part = _part(spec)
    role = rate_of_pixels(part) if part else None
    point = at_threshold(getattr(part, "binarize", None))
    return (role, point.threshold) if role and point else None


def _part(spec: str) -> Metric | None:
    """The metric of a spec; None where no such metric is installed."""
    try:
        return metrics.parse(spec)
    except SpecError:  # a report can hold metrics that are not of this package
        return None


def _without(part: Any) -> Metric:
    """The metric, and a metric inside it, without a threshold of the map."""
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        if point := at_threshold(value):
            changed[field.name] = point.whole
        elif hasattr(value, "binarize"):
            changed[field.name] = _without(value)
    metric: Metric = dataclasses.replace(part, **changed)
    return metric


def _curves(panels: list[tuple[float, Localization]], names: dict[str, str]) -> Iterator[PlotCurve]:
    """One curve per method, the prior and readers; thresholds across."""
    estimates = [(at, _estimates(panel, names)) for at, panel in panels]
    for name in dict.fromkeys(name for _, by_name in estimates for name in by_name):
        points = ((at, by_name[name]) for at, by_name in estimates if name in by_name)
        yield PlotCurve(name, tuple(points))


def _pr_curves(both: list[dict[str, Localization]], names: dict[str, str]) -> Iterator[PlotCurve]:
    """One curve per method, the prior and readers; recall across, in order of thresholds."""
    pairs = [{rate: _estimates(panel, names) for rate, panel in pair.items()} for pair in both]
    for name in dict.fromkeys(name for pair in pairs for name in pair["recall"]):
        points = ((pair["recall"][name].value, pair["precision"][name]) for pair in pairs)
        yield PlotCurve(name, tuple(points))


def _estimates(panel: Localization, names: dict[str, str]) -> dict[str, Estimate]:
    """Estimates by name: every method, then the prior and readers, whose curves are level."""
    several = len({row.model for row in panel.rows}) > 1
    rows: list[tuple[str, MethodRow | ControlRow]] = [
        (names.get(row.method, row.method) + (f", {row.model}" if several else ""), row)
        for row in panel.rows
    ]
    rows += [(panel.prior.name, panel.prior)] if panel.prior else []
    rows += [(row.name, row) for row in panel.controls if row.spec == HUMAN_BENCHMARK]
    return {name: row.estimate for name, row in rows}
