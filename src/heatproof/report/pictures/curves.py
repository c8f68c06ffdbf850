"""What a score does as its threshold moves, of all thresholds that an experiment measured.

Metrics that differ in nothing but a fixed threshold of the map, or the cut-off of probability, are
points of one curve; sensitivity and precision of pixels at the same thresholds make one of
precision over recall.  One threshold alone makes no curve.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

from heatproof.analysis.localization import Control, Localization, Row
from heatproof.errors import SpecError
from heatproof.localize import Metric, metrics
from heatproof.localize.metrics.miou import MIoU
from heatproof.localize.metrics.pixel_rates import PixelPrecision, PixelSensitivity
from heatproof.localize.metrics.pooled import Pooled
from heatproof.maps.binarize import Fixed, Otsu
from heatproof.report.content import Content
from heatproof.report.names import described_metrics, file_name, method_names
from heatproof.report.pictures.plots import Plot, PlotCurve
from heatproof.types import Estimate

Family = tuple[str, str, str, str]  # data set, finding, model, and the metric without a threshold
_THRESHOLD, _CUTOFF = "Threshold of the map", "Cut-off of probability"


def threshold_curves(content: Content) -> Iterator[Plot]:
    """One for each data set, finding and metric that was measured at several thresholds."""
    names, known = method_names(content), described_metrics(content)
    found: dict[tuple[Family, str], list[tuple[float, Localization]]] = {}
    for panel in content.localization:
        for family, axis, at in _points(panel.metric):
            place = (panel.dataset, panel.finding, panel.model, family)
            found.setdefault((place, axis), []).append((at, panel))
    for (place, axis), panels in found.items():
        panels.sort(key=lambda pair: pair[0])
        if len({at for at, _ in panels}) > 1:
            title = metrics.parse(place[3]).title
            yield Plot(
                file_name("thresholds", *place[:3], place[3], axis.split()[0]),
                f"{title} for {place[1]}, {place[0]}",
                axis,
                title,
                tuple(_curves(panels, names)),
                high=(1.0, known[panels[0][1].metric].high),
            )


def precision_recall(content: Content) -> Iterator[Plot]:
    """Precision over recall of pixels, where both were measured at the same thresholds."""
    names = method_names(content)
    found: dict[tuple[str, str, str, str], dict[float, dict[str, Localization]]] = {}
    for panel in content.localization:
        rate, at, how = _rate(panel.metric)
        if rate:
            place = (panel.dataset, panel.finding, panel.model, how)
            found.setdefault(place, {}).setdefault(at, {})[rate] = panel
    for place, by_threshold in found.items():
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
    if isinstance(part, MIoU) and part.cutoffs is None:
        yield metrics.spec(dataclasses.replace(part, cutoff=0.0)), _CUTOFF, part.cutoff
    binarize = getattr(part, "binarize", None)
    if isinstance(binarize, Fixed):
        yield metrics.spec(_with(part, Otsu())), _THRESHOLD, binarize.threshold


def _rate(spec: str) -> tuple[str, float, str]:
    """Which of the two rates a metric is, at which threshold, and whether pooled; or nothing."""
    part = _part(spec)
    rate = part.rate if isinstance(part, Pooled) else part
    how = "" if not isinstance(part, Pooled) else f"pooled {part.films}"
    if isinstance(rate, PixelSensitivity | PixelPrecision) and isinstance(rate.binarize, Fixed):
        kind = "recall" if isinstance(rate, PixelSensitivity) else "precision"
        return kind, rate.binarize.threshold, how
    return "", 0.0, ""


def _part(spec: str) -> Metric | None:
    try:
        return metrics.parse(spec)
    except SpecError:  # a report can hold metrics that are not of this package
        return None


def _with(part: Any, binarize: Otsu) -> Metric:
    if isinstance(part, Pooled):
        return dataclasses.replace(part, rate=_with(part.rate, binarize))
    changed: Metric = dataclasses.replace(part, binarize=binarize)
    return changed


def _curves(panels: list[tuple[float, Localization]], names: dict[str, str]) -> Iterator[PlotCurve]:
    told = [(at, _told(panel, names)) for at, panel in panels]
    for name in dict.fromkeys(name for _, by_name in told for name in by_name):
        points = ((at, by_name[name]) for at, by_name in told if name in by_name)
        yield PlotCurve(name, tuple(points))


def _pr_curves(both: list[dict[str, Localization]], names: dict[str, str]) -> Iterator[PlotCurve]:
    told = [{rate: _told(panel, names) for rate, panel in pair.items()} for pair in both]
    for name in dict.fromkeys(name for one in told for name in one["recall"]):
        points = ((one["recall"][name].value, one["precision"][name]) for one in told)
        yield PlotCurve(name, tuple(points))


def _told(panel: Localization, names: dict[str, str]) -> dict[str, Estimate]:
    """By name: every method, then the prior and readers, to whom a threshold means nothing."""
    several = len({row.model for row in panel.rows}) > 1
    rows: list[tuple[str, Row | Control]] = [
        (names.get(row.method, row.method) + (f", {row.model}" if several else ""), row)
        for row in panel.rows
    ]
    rows += [(one.name, one) for one in (panel.prior,) if one is not None]
    rows += [(one.name, one) for one in panel.controls if one.spec == "human_benchmark"]
    return {name: row.estimate for name, row in rows}
