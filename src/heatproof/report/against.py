"""Methods against the human benchmark, and models against each other: one table."""

from heatproof.report import arrange
from heatproof.report.answers import method_names
from heatproof.report.content import Content
from heatproof.report.tables import Column, Table
from heatproof.types import Estimate

MACRO = "macro average"


def comparisons(content: Content) -> Table:
    """Every comparison, with what corrects it and what it would take."""
    names, known = method_names(content), arrange.metrics(content)
    rows = tuple(
        (
            one.dataset,
            one.model,
            names.get(one.method, one.method),
            known[one.metric].name if one.metric in known else one.metric,
            one.other,
            one.finding or MACRO,
            one.ours,
            one.theirs,
            one.difference,
            one.decrease,
            one.published,
            one.p,
            one.holm,
            one.bonferroni,
            one.conclusion.value,
            one.difference.cases,
            one.needed.cases,
        )
        for one in content.comparisons
    )
    columns = (
        Column("Data set"),
        Column("Model"),
        Column("Method"),
        Column("Metric"),
        Column("Against"),
        Column("Finding"),
        Column("Mean", Estimate),
        Column("Theirs", Estimate),
        Column("Difference", Estimate, signed=True),
        Column("Decrease, of theirs", Estimate, signed=True),
        Column("Decrease, published arithmetic", Estimate, signed=True),
        Column("p, permutation", float),
        Column("p, Holm", float),
        Column("p, Bonferroni", float),
        Column("By the margin"),
        Column("Cases", int),
        Column("Cases needed", int),
    )
    caption = "Methods against the human benchmark and other models, on the same films"
    return Table("comparisons", caption, columns, rows)
