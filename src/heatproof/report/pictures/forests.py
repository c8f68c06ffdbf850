"""Forest plots for paper."""

import math
from collections.abc import Iterator

from heatproof.analysis.diagnosis import Diagnosis
from heatproof.report.called import best_first
from heatproof.report.content import Content
from heatproof.report.names import described_metrics, file_name, method_names, metric_names
from heatproof.report.pictures.drawings import Forest
from heatproof.report.prose import why


def slopes(content: Content) -> Iterator[Forest]:
    """Slopes with errors by patient, one figure for each data set, model and metric."""
    cells: dict[tuple[str, str, str], list[Diagnosis]] = {}
    for one in content.diagnoses:
        cells.setdefault((one.dataset, one.model, one.metric), []).append(one)
    names, known = method_names(content), metric_names(content)
    for (dataset, model, metric), found in cells.items():
        effects = [(names.get(one.method, one.method), why.features(one)) for one in found]
        rows = tuple(
            (f"{why.NOUNS[feature]}, {name}", own[feature].slope.estimate)
            for feature in why.NOUNS
            for name, own in effects
            if feature in own and math.isfinite(own[feature].slope.estimate.value)
        )
        if rows:
            ends = [abs(end) for _, e in rows for end in (e.value, e.low, e.high)]
            most = round_up(max(end for end in ends if math.isfinite(end)))
            shown = known.get(metric, metric)
            yield Forest(
                file_name("slopes", dataset, model, metric),
                f"Slopes of {shown} on {dataset}, {model}",
                rows, -most, most, 0.0, signed=True,
            )  # fmt: skip


def round_up(end: float) -> float:
    """The next larger number of one digit."""
    digit = 10.0 ** math.floor(math.log10(end)) if end else 1.0
    return math.ceil(end / digit) * digit or 1.0


def panels(content: Content) -> Iterator[Forest]:
    """One forest plot per data set, finding and metric."""
    known, names = described_metrics(content), method_names(content)
    for panel in content.localization:
        metric = known[panel.metric]
        several = len({row.model for row in panel.rows}) > 1
        rows = [
            (names.get(r.method, r.method) + (f", {r.model}" if several else ""), r.estimate)
            for r in best_first(panel.rows, metric)
        ]
        prior = panel.prior
        rows += [(prior.name, prior.estimate)] if prior else []
        at = prior.estimate.value if prior else math.nan
        yield Forest(
            file_name(
                "localization", panel.dataset, panel.finding, panel.metric, panel.model
            ),
            f"{metric.name} for {panel.finding}, {panel.dataset}",
            tuple(rows), metric.low, metric.high, None if math.isnan(at) else at,
        )  # fmt: skip
