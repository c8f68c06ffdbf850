"""What tuning films chose: one table."""

from heatproof.report.content import Content
from heatproof.report.names import method_names, metric_names
from heatproof.report.paper.table import Column, Table


def tuned(content: Content) -> Table:
    """One row per metric, model, method and finding; a control has no model."""
    names, known = method_names(content), metric_names(content)
    rows = tuple(
        (
            one.dataset,
            one.model,
            names.get(one.method, one.method),
            known.get(one.metric, one.metric),
            one.finding,
            f"{one.value:g}",
            one.score,
            one.cases,
        )
        for one in content.tuned
    )
    columns = (
        Column("Tuned on"),
        Column("Model"),
        Column("Method"),
        Column("Metric"),
        Column("Finding"),
        Column("Value"),
        Column("Score there", float),
        Column("Cases there", int),
    )
    return Table("tuned", "Values chosen on films that nobody is judged on", columns, rows)
