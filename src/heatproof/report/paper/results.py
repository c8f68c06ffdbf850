"""Tables of films, localization and classification."""

from collections.abc import Mapping

from heatproof.report.content import Content
from heatproof.report.names import described_metrics, method_names
from heatproof.report.paper.table import Column, Table
from heatproof.types import Estimate


def cohort(content: Content) -> Table:
    """Whom every data set holds, finding by finding."""
    rows = tuple(
        (
            one.name, one.images, one.patients, one.age_median, _counts(one.sexes),
            _counts(one.views), of.finding, of.positive, of.negative, of.uncertain, of.unknown,
            of.annotated,
        )
        for one in content.cohorts
        for of in one.counts
    )  # fmt: skip
    columns = (
        Column("Data set"),
        Column("Images", int),
        Column("Patients", int),
        Column("Median age", float),
        Column("Sexes"),
        Column("Views"),
        Column("Finding"),
        *(Column(name, int) for name in ("Present", "Absent", "Uncertain", "Unknown", "Marked")),
    )
    return Table("cohort", "Images by finding", columns, rows)


def _counts(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in numbers.items())


def localization(content: Content) -> Table:
    """How well each method localizes each finding, beside the controls."""
    names, known = method_names(content), described_metrics(content)
    rows = []
    for panel in content.localization:
        what = (panel.dataset, panel.finding, known[panel.metric].name)
        for row in panel.rows:
            method = names.get(row.method, row.method)
            counted = (row.estimate.cases, row.undefined)
            rows.append((*what, row.model, method, row.estimate, *counted, row.difference))
        if panel.prior:
            one = panel.prior
            counted = (one.estimate.cases, one.undefined)
            rows.append((*what, panel.model, one.name, one.estimate, *counted, None))
    columns = (
        Column("Data set"),
        Column("Finding"),
        Column("Metric"),
        Column("Model"),
        Column("Method"),
        Column("Value", Estimate),
        Column("Cases", int),
        Column("Undefined", int),
        Column("Better than the prior by", Estimate, signed=True),
    )
    return Table("localization", "Localization", columns, tuple(rows))


def classification(content: Content) -> Table:
    """How well each model classifies each finding."""
    names = ("sensitivity", "specificity", "ppv", "npv")
    rows = tuple(
        (
            one.dataset, one.model, one.finding, one.positives, one.negatives, one.auroc,
            *(getattr(one.point, name) if one.point else None for name in names), one.brier,
        )
        for one in content.classification
    )  # fmt: skip
    columns = (
        Column("Data set"),
        Column("Model"),
        Column("Finding"),
        Column("Present", int),
        Column("Absent", int),
        *(
            Column(name, Estimate)
            for name in ("AUROC", "Sensitivity", "Specificity", "PPV", "NPV", "Brier")
        ),
    )
    return Table("classification", "Classification", columns, rows)
