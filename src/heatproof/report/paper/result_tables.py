"""Tables of films, localization, classification, comparisons and tuned values."""

from collections.abc import Mapping
from typing import NamedTuple

from heatproof.analysis.classification import Classification
from heatproof.analysis.comparison import Comparison
from heatproof.maps.tuning import TunedValue
from heatproof.report.content import CohortCounts, Content, FindingCounts
from heatproof.report.names import described_metrics, method_names, metric_names
from heatproof.report.paper.table import PaperColumn, PaperTable
from heatproof.report.pictures.forests import MACRO_AVERAGE
from heatproof.types import Estimate


class _Labels(NamedTuple):
    """The labels of one finding in one data set."""

    cohort: CohortCounts
    counts: FindingCounts


class _Localized(NamedTuple):
    """A method, or the prior, on one finding by one metric."""

    dataset: str
    finding: str
    metric: str
    model: str
    name: str
    estimate: Estimate
    undefined: int
    difference: Estimate | None


def cohort_table(content: Content) -> PaperTable[_Labels]:
    """The films, patients and labels of every data set, finding by finding."""
    return PaperTable[_Labels](
        "cohort",
        "Films by finding",
        (
            PaperColumn("Data set", lambda row: row.cohort.name),
            PaperColumn("Films", lambda row: row.cohort.films, int),
            PaperColumn("Patients", lambda row: row.cohort.patients, int),
            PaperColumn("Median age", lambda row: row.cohort.age_median, float),
            PaperColumn("Sexes", lambda row: _counts(row.cohort.sexes)),
            PaperColumn("Views", lambda row: _counts(row.cohort.views)),
            PaperColumn("Finding", lambda row: row.counts.finding),
            PaperColumn("Present", lambda row: row.counts.positive, int),
            PaperColumn("Absent", lambda row: row.counts.negative, int),
            PaperColumn("Uncertain", lambda row: row.counts.uncertain, int),
            PaperColumn("Unknown", lambda row: row.counts.unknown, int),
            PaperColumn("Marked", lambda row: row.counts.annotated, int),
        ),
        [_Labels(cohort, counts) for cohort in content.cohorts for counts in cohort.counts],
    )


def _counts(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in numbers.items())


def localization_table(content: Content) -> PaperTable[_Localized]:
    """How well each method localizes each finding, beside the prior."""
    methods, metrics = method_names(content), described_metrics(content)
    records = []
    for panel in content.localization:
        place = (panel.dataset, panel.finding, metrics[panel.metric].name)
        for row in panel.rows:
            name = methods[row.method]
            values = (row.estimate, row.undefined, row.difference)
            records.append(_Localized(*place, row.model, name, *values))
        if prior := panel.prior:
            values = (prior.estimate, prior.undefined, None)
            # The prior is not compared with itself.
            records.append(_Localized(*place, panel.model, prior.name, *values))
    return PaperTable[_Localized](
        "localization",
        "Localization",
        (
            PaperColumn("Data set", lambda row: row.dataset),
            PaperColumn("Finding", lambda row: row.finding),
            PaperColumn("Metric", lambda row: row.metric),
            PaperColumn("Model", lambda row: row.model),
            PaperColumn("Method", lambda row: row.name),
            PaperColumn("Value", lambda row: row.estimate, Estimate),
            PaperColumn("Cases", lambda row: row.estimate.cases, int),
            PaperColumn("Undefined", lambda row: row.undefined, int),
            PaperColumn(
                "Better than the prior by", lambda row: row.difference, Estimate, signed=True
            ),
        ),
        records,
    )


def classification_table(content: Content) -> PaperTable[Classification]:
    """How well each model classifies each finding."""
    return PaperTable[Classification](
        "classification",
        "Classification",
        (
            PaperColumn("Data set", lambda row: row.dataset),
            PaperColumn("Model", lambda row: row.model),
            PaperColumn("Finding", lambda row: row.finding),
            PaperColumn("Present", lambda row: row.positives, int),
            PaperColumn("Absent", lambda row: row.negatives, int),
            PaperColumn("AUROC", lambda row: row.auroc, Estimate),
            PaperColumn(
                "Sensitivity", lambda row: row.point.sensitivity if row.point else None, Estimate
            ),
            PaperColumn(
                "Specificity", lambda row: row.point.specificity if row.point else None, Estimate
            ),
            PaperColumn("PPV", lambda row: row.point.ppv if row.point else None, Estimate),
            PaperColumn("NPV", lambda row: row.point.npv if row.point else None, Estimate),
            PaperColumn("Brier", lambda row: row.brier, Estimate),
        ),
        content.classification,
    )


def comparison_table(content: Content) -> PaperTable[Comparison]:
    """Every method beside readers and other models, with corrected p and the cases needed."""
    return PaperTable[Comparison](
        "comparisons",
        "Methods against the human benchmark and other models, on the same films",
        (
            PaperColumn("Data set", lambda row: row.dataset),
            *_map_columns(content),
            PaperColumn("Against", lambda row: row.other),
            PaperColumn("Finding", lambda row: row.finding or MACRO_AVERAGE),
            PaperColumn("Mean", lambda row: row.ours, Estimate),
            PaperColumn("Theirs", lambda row: row.theirs, Estimate),
            PaperColumn("Difference", lambda row: row.difference, Estimate, signed=True),
            PaperColumn("Decrease, of theirs", lambda row: row.decrease, Estimate, signed=True),
            PaperColumn(
                "Decrease, published arithmetic", lambda row: row.published, Estimate, signed=True
            ),
            PaperColumn("p", lambda row: row.p, float),
            PaperColumn("p, Holm", lambda row: row.holm, float),
            PaperColumn("p, Bonferroni", lambda row: row.bonferroni, float),
            PaperColumn("By the margin", lambda row: row.conclusion.value),
            PaperColumn("Cases", lambda row: row.difference.cases, int),
            PaperColumn("Cases needed", lambda row: row.needed.cases, int),
        ),
        content.comparisons,
    )


def tuned_table(content: Content) -> PaperTable[TunedValue]:
    """The values that tuning films chose: one for each metric, model, method and finding."""
    return PaperTable[TunedValue](
        "tuned",
        "Values chosen on tuning films",
        (
            PaperColumn("Tuned on", lambda row: row.dataset),
            *_map_columns(content),
            PaperColumn("Finding", lambda row: row.finding),
            # Text, since numbers are printed with two decimals, and a threshold may have more.
            PaperColumn("Value", lambda row: f"{row.value:g}"),
            PaperColumn("Score there", lambda row: row.score, float),
            PaperColumn("Cases there", lambda row: row.cases, int),
        ),
        content.tuned,
    )


def _map_columns(content: Content) -> tuple[PaperColumn[Comparison | TunedValue], ...]:
    """Which maps were measured, and by what."""
    methods, metrics = method_names(content), metric_names(content)
    return (
        PaperColumn("Model", lambda row: row.model),
        PaperColumn("Method", lambda row: methods[row.method]),
        PaperColumn("Metric", lambda row: metrics[row.metric]),
    )
