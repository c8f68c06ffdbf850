"""The forest plots of a report, as records for ``drawings.forest_svg``."""

import math
from collections.abc import Iterator

from heatproof.analysis.comparison import Comparison
from heatproof.analysis.diagnosis import Diagnosis
from heatproof.report.against_prior import best_first
from heatproof.report.content import Content
from heatproof.report.names import described_metrics, file_name, method_names, metric_names
from heatproof.report.pictures.drawings import Forest
from heatproof.report.pictures.positions import axis_end
from heatproof.report.prose.why_maps_fail import FEATURE_NOUNS, slopes_by_patient

MACRO_AVERAGE = "macro average"


def localization_forests(content: Content) -> Iterator[Forest]:
    """Every method and the prior: one plot for each data set, finding and metric."""
    metrics, methods = described_metrics(content), method_names(content)
    for panel in content.localization:
        metric = metrics[panel.metric]
        several = len({row.model for row in panel.rows}) > 1
        rows = [
            (methods[r.method] + (f", {r.model}" if several else ""), r.estimate)
            for r in best_first(panel.rows, metric)
        ]
        prior = panel.prior
        rows += [(prior.name, prior.estimate)] if prior else []
        reference = prior.estimate.value if prior else math.nan
        yield Forest(
            file_name("localization", panel.dataset, panel.finding, panel.metric, panel.model),
            f"{metric.name} for {panel.finding}, {panel.dataset}",
            tuple(rows),
            metric.low,
            metric.high,
            None if math.isnan(reference) else reference,
        )


def comparison_forests(content: Content) -> Iterator[Forest]:
    """Each method and what it is compared with, finding by finding, on the films of both."""
    for (dataset, model, method, metric, other), comparisons in _cells(content).items():
        rows = tuple(
            (f"{row.finding or MACRO_AVERAGE}{suffix}", estimate)
            for row in comparisons
            for suffix, estimate in (("", row.ours), (f", {other}", row.theirs))
        )
        first = comparisons[0]
        described = described_metrics(content).get(first.metric)
        yield Forest(
            file_name("findings", dataset, model, first.method, first.metric, other),
            f"{metric} of {method} and {other}, {dataset}, {model}",
            rows,
            described.low if described else 0.0,
            described.high if described else 1.0,
        )


def difference_forests(content: Content) -> Iterator[Forest]:
    """How much better or worse each method is, finding by finding."""
    for (dataset, model, method, metric, other), comparisons in _cells(content).items():
        differences = [comparison.difference for comparison in comparisons]
        ends = [abs(end) for d in differences for end in (d.value, d.low, d.high)]
        # Whole tenths give short labels, and the axis is symmetric, so that 0 is in its middle.
        tenths = [math.ceil(10 * end) / 10 for end in ends if math.isfinite(end)]
        # Differences that are all 0 would make an axis of length 0.
        most = max(tenths, default=0) or 1.0
        first = comparisons[0]
        yield Forest(
            file_name("differences", dataset, model, first.method, first.metric, other),
            f"{metric} of {method} minus {other}, {dataset}, {model}",
            tuple((row.finding or MACRO_AVERAGE, row.difference) for row in comparisons),
            -most,
            most,
            0.0,
            signed=True,
        )


def slope_forests(content: Content) -> Iterator[Forest]:
    """Slopes with errors by patient: one plot for each data set, model and metric."""
    cells: dict[tuple[str, str, str], list[Diagnosis]] = {}
    for diagnosis in content.diagnoses:
        cell = (diagnosis.dataset, diagnosis.model, diagnosis.metric)
        cells.setdefault(cell, []).append(diagnosis)
    methods, metrics = method_names(content), metric_names(content)
    for (dataset, model, metric), diagnoses in cells.items():
        slopes = [(methods[d.method], slopes_by_patient(d)) for d in diagnoses]
        rows = tuple(
            (f"{noun}, {name}", effects[feature].slope.estimate)
            for feature, noun in FEATURE_NOUNS.items()
            for name, effects in slopes
            if feature in effects and math.isfinite(effects[feature].slope.estimate.value)
        )
        if rows:
            ends = [abs(end) for _, e in rows for end in (e.value, e.low, e.high)]
            # An estimate without an interval has ends that are nan.
            most = axis_end(max(end for end in ends if math.isfinite(end)))
            yield Forest(
                file_name("slopes", dataset, model, metric),
                f"Slopes of {metrics[metric]} on {dataset}, {model}",
                rows,
                -most,
                most,
                0.0,
                signed=True,
            )


def _cells(content: Content) -> dict[tuple[str, str, str, str, str], list[Comparison]]:
    """Comparisons by data set, model, names of method and metric, and what is compared with."""
    methods, metrics = method_names(content), metric_names(content)
    cells: dict[tuple[str, str, str, str, str], list[Comparison]] = {}
    for comparison in content.comparisons:
        method = methods[comparison.method]
        metric = metrics[comparison.metric]
        cell = (comparison.dataset, comparison.model, method, metric, comparison.other)
        cells.setdefault(cell, []).append(comparison)
    return cells
