"""A table of published numbers beside those of a report, where both measure the same quantity.

The numbers are those of the CheXlocalize study (Saporta et al. 2022), for findings that CheXpert
names.  Its mIoU is the mean of our ``iou``.  Its slopes are those of least squares on features
between 0 and 1; its slopes on confidence are on all films, where those without the finding score 0.

Slopes on confidence are the same quantity for ``miou`` with cut-offs alone.  The published scores
are those after probability cut-offs: below the cut-off a map marks nothing, and films without the
finding are left out.  Those of ``iou`` and ``hit_rate`` are without cut-offs (``CUTOFF_NOTE``).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from heatproof.analysis.comparison import Comparison
from heatproof.analysis.diagnosis import Diagnosis
from heatproof.diagnose.confidence import POOLED
from heatproof.localize.controls.human_benchmark import HumanBenchmark
from heatproof.registry import part_name
from heatproof.report.content import Content
from heatproof.report.paper.table import PaperColumn, PaperTable
from heatproof.report.published import CHEXLOCALIZE, Published, published_numbers
from heatproof.types import Estimate

CUTOFF_NOTE = (
    "Published slopes and rank correlations on confidence are of scores after a probability cut-off"
    " for each finding: below it a map marks nothing, and a film without the finding does not"
    " count. Those here are of mIoU where it says so; those of IoU and hit rate are without"
    " cut-offs, so that every film without the finding counts, with 0."
)
_NAN = float("nan")
_CLASSIFIER = "auroc of the classifier"
_METRICS = {"iou": "IoU", "hit_rate": "hit rate"}
_MEANS = {"iou": "mIoU", "hit_rate": "hit rate"}
_NUMBERS = published_numbers(source=CHEXLOCALIZE)
_FINDINGS = frozenset(number.finding for number in _NUMBERS if number.finding)
# Numbers of the earlier version were superseded by those of the paper.
_CURRENT = {(n.quantity, n.finding): n for n in _NUMBERS if n.where != "earlier version"}


class _Pair(NamedTuple):
    """A published number, and the same quantity in this report.

    Attributes:
        where: The data set and model of the number of this report.
    """

    published: Published
    here: Estimate
    where: str


def published_table(content: Content) -> PaperTable[_Pair]:
    """One row for each number that the study and this report both have."""
    return PaperTable[_Pair](
        "published",
        "Published numbers beside those measured here",
        (
            PaperColumn("Quantity", lambda row: row.published.quantity),
            PaperColumn("Finding", lambda row: row.published.finding or "all findings"),
            PaperColumn("Published", lambda row: _estimate(row.published), Estimate),
            PaperColumn("Here", lambda row: row.here, Estimate),
            PaperColumn("Measured on", lambda row: row.where),
            PaperColumn("Source", lambda row: f"{row.published.source.tag}, {row.published.where}"),
        ),
        [*_means(content), *_decreases(content), *_diagnosed(content)],
    )


def by_quantity(content: Content) -> dict[tuple[str, str], list[tuple[Estimate, str]]]:
    """What this report measured of each quantity and finding of the study, and on what."""
    found: dict[tuple[str, str], list[tuple[Estimate, str]]] = {}
    for pair in published_table(content).records:
        key = (pair.published.quantity, pair.published.finding)
        found.setdefault(key, []).append((pair.here, pair.where))
    for quantity, finding, estimate, where in _beside_others(content):
        found.setdefault((quantity, finding), []).append((estimate, where))
    for row in content.classification:
        where = f"{row.dataset}, {row.model}"
        found.setdefault((_CLASSIFIER, row.finding), []).append((row.auroc, where))
    return found


def _beside_others(content: Content) -> Iterator[tuple[str, str, Estimate, str]]:
    """Readers by finding; how many findings are worse, better and alike, beside each other side."""
    sides: dict[tuple[str, str, str, str, str], list[Comparison]] = {}
    for each in content.comparisons:
        metric = _MEANS.get(part_name(each.metric))
        if metric and each.finding and each.method == "grad_cam":
            tuned = ", tuned thresholds" if "tuned" in each.metric else ""
            key = (each.dataset, each.model, each.other, metric + tuned, each.metric)
            sides.setdefault(key, []).append(each)
    for (dataset, model, other, metric, spec), rows in sides.items():
        where = f"{dataset}, {model}, {spec}"
        if other != HumanBenchmark.title:
            better = sum(row.difference.low > 0 for row in rows)
            quantity = f"findings on which one checkpoint is below the ensemble by {metric}"
            yield quantity, "", _counted(better, rows), f"{where}, beside {other}"
            continue
        worse = sum(row.difference.high < 0 for row in rows)
        better = sum(row.difference.low > 0 for row in rows)
        alike = len(rows) - worse - better
        for word, count in (("worse than", worse), ("better than", better), ("alike to", alike)):
            quantity = f"findings {word} the human benchmark by {metric}"
            yield quantity, "", _counted(count, rows), where
        for row in rows:
            yield f"{metric} of the human benchmark", row.finding, row.theirs, where


def _counted(count: int, rows: Sequence[Comparison]) -> Estimate:
    """A number of findings, which has no interval."""
    return Estimate(float(count), _NAN, _NAN, _NAN, len(rows), "")


def _means(content: Content) -> Iterator[_Pair]:
    for panel in content.localization:
        number = _CURRENT.get((_MEANS.get(panel.metric, ""), panel.finding))
        for row in panel.rows if number else ():
            if number and row.method == number.method:
                yield _Pair(number, row.estimate, f"{panel.dataset}, {row.model}")


def _decreases(content: Content) -> Iterator[_Pair]:
    for comparison in content.comparisons:
        metric = _MEANS.get(_without_options(comparison.metric), "")
        number = _CURRENT.get((f"decrease of {metric}", comparison.finding))
        if comparison.decrease and number and comparison.method == number.method:
            where = f"{comparison.dataset}, {comparison.model}"
            yield _Pair(number, comparison.decrease, where)


def _without_options(metric: str) -> str:
    """The metric without options such as a rule for ties; one that binarizes keeps them."""
    return part_name(metric) if "binarize" not in metric else metric


def _diagnosed(content: Content) -> Iterator[_Pair]:
    findings: dict[str, set[str]] = {}
    for spread in content.spreads:
        findings.setdefault(spread.dataset, set()).add(spread.finding)
    for diagnosis in content.diagnoses:
        cutoffs = _has_cutoffs(diagnosis.metric)
        metric = _METRICS.get(diagnosis.metric) or ("IoU" if cutoffs else None)
        # Slopes pool all findings of a data set: one that the study lacks makes another quantity.
        if metric is None or not findings.get(diagnosis.dataset, {""}) <= _FINDINGS:
            continue
        where = f"{diagnosis.dataset}, {diagnosis.model}"
        for quantity, finding, estimate in _slopes(diagnosis, metric):
            number = _CURRENT.get((quantity, finding))
            if number and number.method == diagnosis.method:
                yield _Pair(number, estimate, f"{where}, mIoU with cut-offs" if cutoffs else where)


def _has_cutoffs(metric: str) -> bool:
    """Whether the metric is mIoU on all films, with a cut-off for each finding."""
    tuned = "cutoff" in metric or "tune=" in metric
    return metric.startswith("miou(") and tuned and "over=" not in metric


def _slopes(diagnosis: Diagnosis, metric: str) -> Iterator[tuple[str, str, Estimate]]:
    """Quantity, finding and estimate of every slope and correlation of one diagnosis."""
    for effect in diagnosis.shape:
        if effect.model == "linear" and not _has_cutoffs(diagnosis.metric):
            feature = effect.feature.replace("_", " ")
            yield f"slope of {metric} on {feature}", "", effect.slope.estimate
    for confidence in diagnosis.confidence:
        if confidence.rows == "all":
            finding = "" if confidence.finding == POOLED else confidence.finding
            for effect in confidence.effects:
                if effect.model == "linear":
                    yield f"slope of {metric} on confidence", finding, effect.slope.estimate
            yield f"Spearman of {metric} and confidence", finding, confidence.spearman


def _estimate(number: Published) -> Estimate:
    return Estimate(number.value, number.low, number.high, 0.95, number.cases or 0, "published")
