"""Methods against the human benchmark, and models against each other: a table, and figures."""

import math
from collections.abc import Iterator

from heatproof.analysis.comparison import Comparison
from heatproof.report.content import Content
from heatproof.report.names import described_metrics, file_name, method_names, metric_names
from heatproof.report.paper.table import Column, Table
from heatproof.report.pictures.drawings import Forest
from heatproof.types import Estimate

MACRO = "macro average"


def comparisons(content: Content) -> Table:
    """Every comparison, with what corrects it and what it would take."""
    names, known = method_names(content), metric_names(content)
    rows = tuple(
        (
            one.dataset,
            one.model,
            names.get(one.method, one.method),
            known.get(one.metric, one.metric),
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


def by_finding(content: Content) -> Iterator[Forest]:
    """Each method and the human benchmark, finding by finding, on the films on which both count."""
    for (dataset, model, method, metric, other), found in _cells(content).items():
        rows = tuple(
            (f"{one.finding or MACRO}{', ' + other if theirs else ''}", told)
            for one in found
            for theirs, told in enumerate((one.ours, one.theirs))
        )
        known = described_metrics(content).get(found[0].metric)
        yield Forest(
            file_name("findings", dataset, model, found[0].method, found[0].metric, other),
            f"{metric} of {method} and {other}, {dataset}, {model}",
            rows,
            known.low if known else 0.0,
            known.high if known else 1.0,
        )


def differences(content: Content) -> Iterator[Forest]:
    """How much better or worse each method is, finding by finding."""
    for (dataset, model, method, metric, other), found in _cells(content).items():
        ends = [
            abs(end)
            for one in found
            for end in (one.difference.value, one.difference.low, one.difference.high)
            if math.isfinite(end)
        ]
        most = max([math.ceil(10 * end) / 10 for end in ends], default=0) or 1.0
        yield Forest(
            file_name("differences", dataset, model, found[0].method, found[0].metric, other),
            f"{metric} of {method} minus {other}, {dataset}, {model}",
            tuple((one.finding or MACRO, one.difference) for one in found),
            -most,
            most,
            0.0,
            signed=True,
        )


def _cells(content: Content) -> dict[tuple[str, str, str, str, str], list[Comparison]]:
    """By data set, model, names of method and metric, and whom they are compared with."""
    names, known = method_names(content), metric_names(content)
    found: dict[tuple[str, str, str, str, str], list[Comparison]] = {}
    for one in content.comparisons:
        metric = known.get(one.metric, one.metric)
        cell = (one.dataset, one.model, names.get(one.method, one.method), metric, one.other)
        found.setdefault(cell, []).append(one)
    return found
