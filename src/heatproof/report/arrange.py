"""Order and grouping: which records stand together on the page, and which comes first."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from heatproof.analysis.classification import Classification
from heatproof.analysis.localization import Control, Localization, Row
from heatproof.report.called import FEW, Verdict, best_first, verdict
from heatproof.report.content import Content
from heatproof.report.described import Metric
from heatproof.report.gallery import Case, Group
from heatproof.report.names import described_metrics, method_names
from heatproof.report.pictures.positions import Mark, mark
from heatproof.types import Estimate

ALL_OPEN = 16  # forest plots that a page shows unfolded; past that, only the first metric's


@dataclass(frozen=True)
class Line:
    """One line of a forest plot: a method, the prior among them, or another control below.

    Attributes:
        kind: ``"prior"``, ``"control"``, or empty for a method.
        knows: Of a control, in a few words.
    """

    name: str
    model: str
    estimate: Estimate
    undefined: int
    mark: Mark
    difference: Estimate | None
    verdict: Verdict
    kind: str
    knows: str
    per_map: Estimate | None
    negatives: int


@dataclass(frozen=True)
class Panel:
    """One forest plot: methods and the prior by value, then the other controls by value.

    ``title`` names the metric, or also the model.
    """

    title: str
    finding: str
    metric: Metric
    lines: tuple[Line, ...]
    prior: Control | None
    open: bool


def panels(content: Content) -> dict[str, tuple[Panel, ...]]:
    """Data set to its forest plots."""
    known = described_metrics(content)
    names = method_names(content)
    several = len({row.model for panel in content.localization for row in panel.rows}) > 1
    first = content.metrics[0].spec if content.metrics else ""
    few = len(content.localization) <= ALL_OPEN
    found: dict[str, tuple[Panel, ...]] = {}
    for panel in content.localization:
        metric = known[panel.metric]
        shown = Panel(
            f"{metric.name}, {panel.model}" if several and panel.model else metric.name,
            panel.finding,
            metric,
            _lines(panel, metric, names, several),
            panel.prior,
            few or panel.metric == first,
        )
        found[panel.dataset] = (*found.get(panel.dataset, ()), shown)
    return found


def of_datasets(content: Content) -> tuple[Metric, ...]:
    """Metrics in use that are one number of all films."""
    return tuple(metric for metric in described_metrics(content).values() if metric.per_map)


def by_finding(shown: Iterable[Panel]) -> dict[str, tuple[Panel, ...]]:
    """The forest plots of one data set, finding by finding."""
    found: dict[str, tuple[Panel, ...]] = {}
    for panel in shown:
        found[panel.finding] = (*found.get(panel.finding, ()), panel)
    return found


def classification(content: Content) -> dict[str, tuple[Classification, ...]]:
    """Data set to its rows."""
    return {
        dataset: tuple(row for row in content.classification if row.dataset == dataset)
        for dataset in dict.fromkeys(row.dataset for row in content.classification)
    }


def has_curve(row: Classification) -> bool:
    """Whether a calibration curve would show more than chance."""
    labelled = min(row.positives, row.negatives) > 0 and row.positives + row.negatives >= FEW
    return labelled and bool(row.calibration)


def gallery(content: Content) -> dict[Group, tuple[Case, ...]]:
    """Groups that have cases, in their own order."""
    cases = content.gallery.cases
    found = {group: tuple(case for case in cases if case.group is group) for group in Group}
    return {group: chosen for group, chosen in found.items() if chosen}


def compared(content: Content) -> tuple[Estimate, ...]:
    """The paired differences to the prior that were called better, worse or neither."""
    rows = [row for panel in content.localization for row in panel.rows]
    return tuple(
        row.difference
        for row in rows
        if row.difference is not None
        and verdict(row.difference) not in (Verdict.NONE, Verdict.TOO_FEW)
    )


def controls(content: Content) -> tuple[str, ...]:
    """Names of the controls besides the prior."""
    return tuple(dict.fromkeys(one.name for p in content.localization for one in p.controls))


def level(content: Content) -> str:
    """The level of the intervals, such as ``"95%"``."""
    found = [row.estimate for panel in content.localization for row in panel.rows]
    found += [row.auroc for row in content.classification]
    return f"{found[0].level:.0%}" if found else "95%"


def interval_methods(content: Content) -> tuple[str, ...]:
    """How the intervals were made, each way once, whatever the numbers behind it."""
    found = [row.estimate for panel in content.localization for row in panel.rows]
    found += [row.auroc for row in content.classification]
    ways = [estimate.method for estimate in found if not math.isnan(estimate.low)]
    counts = r"(,| of) [\d,]+ clusters|; \d+ undefined left out"
    return tuple(sorted({re.sub(counts, "", way) for way in ways if way}))


def _lines(
    panel: Localization, metric: Metric, names: dict[str, str], several: bool
) -> tuple[Line, ...]:
    prior = (panel.prior,) if panel.prior is not None else ()
    first = best_first((*panel.rows, *prior), metric)
    below = best_first(panel.controls, metric)
    return tuple(
        Line(
            name=one.name if isinstance(one, Control) else names.get(one.method, one.method),
            model=one.model if several and isinstance(one, Row) else "",
            estimate=one.estimate,
            undefined=one.undefined,
            mark=mark(one.estimate, metric.low, metric.high),
            difference=one.difference if isinstance(one, Row) else None,
            verdict=verdict(one.difference if isinstance(one, Row) else None),
            kind=_kind(one, panel),
            knows=one.knows if isinstance(one, Control) else "",
            per_map=one.per_map,
            negatives=one.negatives,
        )
        for one in (*first, *below)
    )


def _kind(one: Row | Control, panel: Localization) -> str:
    if isinstance(one, Row):
        return ""
    return "prior" if one is panel.prior else "control"
