"""What one cell of the trust grid rests on: the rows of one method by one criterion.

A table of evidence has one row per pair of maps and similarity, or per map and metric:
``criterion``, ``method``, ``similarity`` (or metric), ``image_id``, ``image_id_b``, ``cluster``,
``cluster_b``, ``model_a``, ``model_b``, ``step``, ``draw``, ``population``, ``value``,
``validity_a``, ``validity_b``, and ``architecture_a``, ``architecture_b`` where architectures are
known.  It holds one data set and one finding.

What a criterion asks follows from what its maps are compared with:

==================  =====================================  =========================================
population          compared with                          asks
==================  =====================================  =========================================
``map``             ``prior``, which never sees the film   does it find the lesion?
``same film``       ``random pairs`` of films, one model   is it lost when the weights are?
``same film``       ``different films``, the same models   is it kept when the model changes?
``same film``       nothing, but measured by ``RISE``      does it become more complex?
==================  =====================================  =========================================

Where one of two models had nothing to learn (``must_differ``), different films stand for random
pairs.  Of a criterion with steps (a cascade) only the last counts, in the order of the rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from heatproof.registry import part_name
from heatproof.trust.criteria import LOCALIZATION, must_differ
from heatproof.trust.pairs import DIFFERENT, RANDOM, SAME
from heatproof.types import Validity

CRITERIA = (LOCALIZATION, "randomization", "repeatability", "reproducibility")
"""The four that "meets all four" is about, the first of each name; others stand behind them."""

MAP, PRIOR = "map", "prior"
RISE = "entropy_rise"
"""A measure of change, which is 0 of what does not change: nothing has to be compared with it."""
_UNREADABLE = (Validity.ZERO, Validity.CONSTANT, Validity.NOT_FINITE)


class Asks(StrEnum):
    """What must be shown, by the population compared with."""

    FINDS = PRIOR
    IS_LOST = RANDOM
    IS_KEPT = DIFFERENT
    RISES = ""


@dataclass(frozen=True)
class Cell:
    """One method by one criterion.

    Attributes:
        criterion: Spec of the criterion.
        method: Spec of the saliency method.
        asks: None where there is nothing to compare.
        measure: Spec of the similarity or metric.
        rows: Rows of that measure and of the last step.  ``value`` is nan where it is undefined or
            a map cannot be read as one.
        compared: The rows that ``rows`` are compared with.
    """

    criterion: str
    method: str
    asks: Asks | None
    measure: str
    rows: pl.DataFrame
    compared: pl.DataFrame


def cells(table: pl.DataFrame, methods: Sequence[str], measures: Sequence[str]) -> Iterator[Cell]:
    """Every criterion by every method, the four first.

    Args:
        table: The table of evidence.
        methods: Specs, in the order of the grid.
        measures: Specs, the first that a criterion was measured by counts.
    """
    readable = ~(
        pl.col("validity_a").is_in(_UNREADABLE) | pl.col("validity_b").is_in(_UNREADABLE)
    ).fill_null(False)
    kept = (pl.col("population") == MAP) | readable
    table = table.with_columns(
        value=pl.when(kept).then(pl.col("value")).otherwise(float("nan")).fill_null(float("nan"))
    )
    # Polars groups in a random order unless told, and the grid keeps the order of the table.
    by_cell = {
        (str(criterion), str(method)): rows
        for (criterion, method), rows in table.group_by(
            ["criterion", "method"], maintain_order=True
        )
    }
    for criterion in _ordered([criterion for criterion, _ in by_cell]):
        for method in methods:
            rows = by_cell.get((criterion, method), table.clear())
            yield _cell(criterion, method, rows, measures)


def rises(table: pl.DataFrame) -> list[str]:
    """The specs of ``RISE`` that a table has."""
    return [
        spec for spec in table["similarity"].unique(maintain_order=True) if part_name(spec) == RISE
    ]


def over_draws(rows: pl.DataFrame) -> float:
    """The mean over draws of means over films; undefined values are left out."""
    # Means of draws are averaged, so that each draw counts alike however many values it lacks.
    means = (
        rows.filter(pl.col("value").is_finite())
        .group_by("draw", maintain_order=True)
        .agg(pl.col("value").mean())["value"]
    )
    return float(means.to_numpy().mean()) if len(means) else float("nan")


def _ordered(measured: Sequence[str]) -> list[str]:
    """The four first, under the specs that they were measured by."""
    four = [next((spec for spec in measured if part_name(spec) == name), name) for name in CRITERIA]
    return list(dict.fromkeys((*four, *measured)))


def _cell(criterion: str, method: str, rows: pl.DataFrame, measures: Sequence[str]) -> Cell:
    measured = set(rows["similarity"])
    measure = next((spec for spec in measures if spec in measured), "")
    rows = rows.filter(pl.col("similarity") == measure)
    populations = set(rows["population"])
    asks = next((question for question in Asks if question.value in populations), None)
    if part_name(measure) == RISE:
        asks = Asks.RISES
    main = rows.filter(pl.col("population").is_in([MAP, SAME]))
    if asks is Asks.IS_KEPT and must_differ(criterion):
        asks = Asks.IS_LOST
    if asks is None or main.is_empty():
        return Cell(criterion, method, None, measure, main, main.clear())
    last = main["step"][-1]
    compared = rows.filter(pl.col("population").is_in([question.value for question in Asks]))
    of_last = compared.filter(pl.col("step").eq_missing(last))  # levels have pairs of their own
    return Cell(
        criterion,
        method,
        asks,
        measure,
        # Criteria without steps have null there, which only `eq_missing` finds equal to itself.
        main.filter(pl.col("step").eq_missing(last)),
        compared if of_last.is_empty() else of_last,
    )
