"""Which records stand together on the page, and in which order."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from heatproof.analysis.classification import Classification
from heatproof.analysis.localization import ControlRow, Localization, MethodRow
from heatproof.analysis.rare import FEW_CASES
from heatproof.report.against_prior import AgainstPrior, against_prior, best_first
from heatproof.report.content import Content, MetricText
from heatproof.report.gallery import GalleryCase, Group
from heatproof.report.names import described_metrics, method_names
from heatproof.report.pictures.positions import Mark, mark
from heatproof.stages.written import SetAside
from heatproof.types import Estimate

ALL_OPEN = 4  # forest plots that a page shows unfolded; past that, only the first metric's


@dataclass(frozen=True)
class ForestLine:
    """One line of a forest plot: a method, the prior or another control.

    Attributes:
        name: Name of the method or control.
        model: Name of the model where the plot shows several; else empty, as for a control.
        undefined: Number of maps without a value.
        mark: Where the estimate stands, in percent of the width of the plot.
        difference: Paired difference to the prior; None for a control, and without a prior.
        verdict: What that difference shows.
        kind: ``"prior"``, ``"control"``, or empty for a method.
        knows: What a control knows, in a few words.
        per_map: What a metric of data sets measures of each map, as a mean; None for other metrics.
        negatives: Films without the finding that such a metric counts besides the cases.
    """

    name: str
    model: str
    estimate: Estimate
    undefined: int
    mark: Mark
    difference: Estimate | None
    verdict: AgainstPrior
    kind: str
    knows: str
    per_map: Estimate | None
    negatives: int


@dataclass(frozen=True)
class ForestPanel:
    """One forest plot: methods and the prior by value, then the other controls by value.

    Attributes:
        title: The metric, and the model where there are several.
        open: Whether the page shows the plot unfolded.
    """

    title: str
    finding: str
    metric: MetricText
    lines: tuple[ForestLine, ...]
    prior: ControlRow | None
    open: bool


def forest_panels(content: Content) -> dict[str, tuple[ForestPanel, ...]]:
    """Data set to its forest plots."""
    metrics = described_metrics(content)
    names = method_names(content)
    several = len({row.model for panel in content.localization for row in panel.rows}) > 1
    first = content.metrics[0].spec if content.metrics else ""
    few = len(content.localization) <= ALL_OPEN
    by_dataset: dict[str, tuple[ForestPanel, ...]] = {}
    for panel in content.localization:
        metric = metrics[panel.metric]
        forest = ForestPanel(
            f"{metric.name}, {panel.model}" if several and panel.model else metric.name,
            panel.finding,
            metric,
            _lines(panel, metric, names, several),
            panel.prior,
            few or panel.metric == first,
        )
        by_dataset[panel.dataset] = (*by_dataset.get(panel.dataset, ()), forest)
    return by_dataset


def panels_by_finding(panels: Iterable[ForestPanel]) -> dict[str, tuple[ForestPanel, ...]]:
    """Finding to the forest plots of one data set."""
    by_finding: dict[str, tuple[ForestPanel, ...]] = {}
    for panel in panels:
        by_finding[panel.finding] = (*by_finding.get(panel.finding, ()), panel)
    return by_finding


def distinct(aside: Iterable[SetAside]) -> int:
    """The number of films or files that were set aside; one may be listed with several reasons."""
    return len({(entry.dataset, entry.image_id) for entry in aside})


def dataset_metrics(content: Content) -> tuple[MetricText, ...]:
    """Metrics whose value is one number of all films, and not a mean over maps."""
    return tuple(metric for metric in described_metrics(content).values() if metric.per_map)


def classification_by_dataset(content: Content) -> dict[str, tuple[Classification, ...]]:
    """Data set to the rows of its models and findings."""
    return {
        dataset: tuple(row for row in content.classification if row.dataset == dataset)
        for dataset in dict.fromkeys(row.dataset for row in content.classification)
    }


def has_curve(row: Classification) -> bool:
    """Whether a calibration curve would show more than chance."""
    labelled = row.positives + row.negatives
    return min(row.positives, row.negatives) > 0 and labelled >= FEW_CASES and bool(row.calibration)


def filter_choices(content: Content) -> dict[str, tuple[str, ...]]:
    """What tables and gallery can be narrowed to, where there is something to choose from."""
    names, cases = method_names(content), content.gallery.cases
    panels, judged = content.localization, content.classification
    choices = {
        "finding": [case.finding for case in cases]
        + [panel.finding for panel in panels]
        + [row.finding for row in judged],
        "outcome": [group.value for group in cases_by_group(content)],
        "method": [names[method.spec] for method in content.methods],
        "model": [model.name for model in content.models]
        or [row.model for row in judged] + [row.model for panel in panels for row in panel.rows],
    }
    found = {name: tuple(dict.fromkeys(values)) for name, values in choices.items()}
    return {name: values for name, values in found.items() if len(values) > 1}


def cases_by_group(content: Content) -> dict[Group, tuple[GalleryCase, ...]]:
    """Groups of the gallery that have cases, in the order of ``Group``."""
    cases = content.gallery.cases
    by_group = {group: tuple(case for case in cases if case.group is group) for group in Group}
    return {group: chosen for group, chosen in by_group.items() if chosen}


def compared_differences(content: Content) -> tuple[Estimate, ...]:
    """The paired differences to the prior of which the page says better, worse or neither."""
    rows = [row for panel in content.localization for row in panel.rows]
    return tuple(
        row.difference
        for row in rows
        if row.difference is not None
        and against_prior(row) not in (AgainstPrior.NONE, AgainstPrior.TOO_FEW)
    )


def other_controls(content: Content) -> tuple[str, ...]:
    """The names of the controls besides the prior."""
    controls = (control for panel in content.localization for control in panel.controls)
    return tuple(dict.fromkeys(control.name for control in controls))


def interval_level(content: Content) -> str:
    """The level of the intervals, such as ``"95%"``."""
    estimates = _estimates(content)
    return f"{estimates[0].level:.0%}" if estimates else "95%"


def interval_methods(content: Content) -> tuple[str, ...]:
    """How the intervals were made: each way once, without the numbers of cases."""
    ways = [estimate.method for estimate in _estimates(content) if not math.isnan(estimate.low)]
    # Numbers of cases differ from estimate to estimate, and would list the same way many times.
    counts = r"(,| of) [\d,]+ clusters|, effective n [\d.,]*\d|; \d+ undefined left out"
    return tuple(sorted({re.sub(counts, "", way) for way in ways if way}))


def _estimates(content: Content) -> list[Estimate]:
    estimates = [row.estimate for panel in content.localization for row in panel.rows]
    return [*estimates, *(row.auroc for row in content.classification)]


def _lines(
    panel: Localization, metric: MetricText, names: dict[str, str], several: bool
) -> tuple[ForestLine, ...]:
    prior = (panel.prior,) if panel.prior is not None else ()
    # The prior is ranked among the methods, since it is what they must beat.
    ranked = best_first((*panel.rows, *prior), metric)
    controls = best_first(panel.controls, metric)
    return tuple(
        ForestLine(
            name=row.name if isinstance(row, ControlRow) else names[row.method],
            model=row.model if several and isinstance(row, MethodRow) else "",
            estimate=row.estimate,
            undefined=row.undefined,
            mark=mark(row.estimate, metric.low, metric.high),
            difference=row.difference if isinstance(row, MethodRow) else None,
            verdict=against_prior(row) if isinstance(row, MethodRow) else AgainstPrior.NONE,
            kind=_kind(row, panel),
            knows=row.knows if isinstance(row, ControlRow) else "",
            per_map=row.per_map,
            negatives=row.negatives,
        )
        for row in (*ranked, *controls)
    )


def _kind(row: MethodRow | ControlRow, panel: Localization) -> str:
    if isinstance(row, MethodRow):
        return ""
    return "prior" if row is panel.prior else "control"
