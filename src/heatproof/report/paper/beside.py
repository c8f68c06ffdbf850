"""Published numbers beside ours, where the same quantity was measured.

Of the CheXlocalize study (Saporta et al. 2022), for findings that CheXpert names: its mIoU is ours
of ``iou``, its slopes are those of least squares on features between 0 and 1, its slopes on
confidence are on all films, those without the finding at 0.  Slopes on confidence are the same
quantity for ``miou`` with cut-offs alone: the published scores are those after probability
cut-offs, below which a map marks nothing and films without the finding are left out, and those of
``iou`` and ``hit_rate`` are without any (``CUTOFFS``).
"""

from collections.abc import Iterator

from heatproof.analysis.diagnosis import Diagnosis
from heatproof.diagnose.confidence import POOLED
from heatproof.report.content import Content
from heatproof.report.paper.table import Column, Table
from heatproof.report.published import CHEXLOCALIZE, Published, published
from heatproof.types import Estimate

CUTOFFS = (
    "Published slopes and rank correlations on confidence are of scores after a probability cut-off"
    " for each finding: below it a map marks nothing, and a film without the finding does not"
    " count. Those here are of mIoU where it says so; those of IoU and hit rate are without"
    " cut-offs, so that every film without the finding counts, with 0."
)
_METRICS = {"iou": "IoU", "hit_rate": "hit rate"}
_MEANS = {"iou": "mIoU", "hit_rate": "hit rate"}
FINDINGS = frozenset(n.finding for n in published(source=CHEXLOCALIZE) if n.finding)
_CURRENT = [n for n in published(source=CHEXLOCALIZE) if n.where != "earlier version"]
_OF = {(n.quantity, n.finding): n for n in _CURRENT}


def beside(content: Content) -> Table:
    """One row per number that both have."""
    rows = (
        (
            number.quantity,
            number.finding or "all findings",
            _estimate(number),
            ours,
            where,
            f"{number.source.tag}, {number.where}",
        )
        for number, ours, where in (*_means(content), *_decreases(content), *_reasons(content))
    )
    columns = (
        Column("Quantity"),
        Column("Finding"),
        Column("Published", Estimate),
        Column("Here", Estimate),
        Column("Measured on"),
        Column("Source"),
    )
    return Table("published", "Published numbers beside those measured here", columns, tuple(rows))


def _means(content: Content) -> Iterator[tuple[Published, Estimate, str]]:
    for panel in content.localization:
        number = _OF.get((_MEANS.get(panel.metric, ""), panel.finding))
        for row in panel.rows if number else ():
            if number and row.method == number.method:
                yield number, row.estimate, f"{panel.dataset}, {row.model}"


def _decreases(content: Content) -> Iterator[tuple[Published, Estimate, str]]:
    for one in content.comparisons:
        number = _OF.get((f"decrease of {_MEANS.get(_kind(one.metric), '')}", one.finding))
        if one.decrease and number and one.method == number.method:
            yield number, one.decrease, f"{one.dataset}, {one.model}"


def _kind(metric: str) -> str:
    """Which of the two published metrics it is; options, such as a rule for ties, apart."""
    return metric.partition("(")[0] if "binarize" not in metric else metric


def _reasons(content: Content) -> Iterator[tuple[Published, Estimate, str]]:
    findings: dict[str, set[str]] = {}
    for spread in content.spreads:
        findings.setdefault(spread.dataset, set()).add(spread.finding)
    for one in content.diagnoses:
        metric = _METRICS.get(one.metric) or ("IoU" if _has_cutoffs(one.metric) else None)
        if metric is None or not findings.get(one.dataset, {""}) <= FINDINGS:
            continue
        for quantity, finding, ours in _slopes(one, metric):
            number = _OF.get((quantity, finding))
            if number and number.method == one.method:
                how = ", mIoU with cut-offs" if _has_cutoffs(one.metric) else ""
                yield number, ours, f"{one.dataset}, {one.model}{how}"


def _has_cutoffs(metric: str) -> bool:
    """Whether it is the full set with a cut-off for each finding."""
    tuned = "cutoff" in metric or "tune=" in metric
    return metric.startswith("miou(") and tuned and "over=" not in metric


def _slopes(one: Diagnosis, metric: str) -> Iterator[tuple[str, str, Estimate]]:
    for effect in one.shape:
        if effect.model == "linear" and not _has_cutoffs(one.metric):
            feature = effect.feature.replace("_", " ")
            yield f"slope of {metric} on {feature}", "", effect.slope.estimate
    for sure in one.confidence:
        if sure.rows == "all":
            finding = "" if sure.finding == POOLED else sure.finding
            for effect in sure.effects:
                if effect.model == "linear":
                    yield f"slope of {metric} on confidence", finding, effect.slope.estimate
            yield f"Spearman of {metric} and confidence", finding, sure.spearman


def _estimate(number: Published) -> Estimate:
    return Estimate(number.value, number.low, number.high, 0.95, number.cases or 0, "published")
