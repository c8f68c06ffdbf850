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
pairs.  Of a criterion with steps only the last counts, in the order of the rows; of a cascade the
last of each model, since networks name their blocks differently.

Rules of studies have bars of their own, such as an SSIM of 0.5.  For them a map asks the same
question where there is nothing to compare it with (``own_bars``).
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


_BARE = ((MAP, Asks.FINDS), (SAME, Asks.IS_KEPT))
"""What maps ask that are compared with nothing, unless they are those of randomized copies."""


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


def cells(
    table: pl.DataFrame,
    methods: Sequence[str],
    measures: Sequence[str],
    *,
    own_bars: bool = False,
) -> Iterator[Cell]:
    """Every criterion by every method, the four first.

    Args:
        table: The table of evidence.
        methods: Specs, in the order of the grid.
        measures: Specs, the first that a criterion was measured by counts.
        own_bars: Whether the rule has bars of its own, so that maps that must be found or kept ask
            their question even where nothing is there to be compared with.
    """
    readable = ~(
        pl.col("validity_a").is_in(_UNREADABLE) | pl.col("validity_b").is_in(_UNREADABLE)
    ).fill_null(False)
    # A map or a prior that is empty was scored, and its score counts.
    kept = pl.col("population").is_in([MAP, PRIOR]) | readable
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
            yield _cell(criterion, method, rows, measures, own_bars)


def rises(table: pl.DataFrame) -> list[str]:
    """The specs of ``RISE`` that a table has."""
    return [
        spec for spec in table["similarity"].unique(maintain_order=True) if part_name(spec) == RISE
    ]


def over_draws(rows: pl.DataFrame) -> float:
    """The mean over films; of randomized copies the mean over copies of each one's mean over films.

    A copy is a draw of the weights of one model.  Undefined values are left out.
    """
    drawn = pl.col("draw").fill_null(-1) >= 0
    # Means of copies are averaged, so that each copy counts alike however many values it lacks.
    means = (
        rows.filter(pl.col("value").is_finite())
        .group_by("draw", pl.when(drawn).then("model_a").alias("_model"), maintain_order=True)
        .agg(pl.col("value").mean())["value"]
    )
    return float(means.to_numpy().mean()) if len(means) else float("nan")


def _ordered(measured: Sequence[str]) -> list[str]:
    """The four first, under the specs that they were measured by."""
    four = [next((spec for spec in measured if part_name(spec) == name), name) for name in CRITERIA]
    return list(dict.fromkeys((*four, *measured)))


def _cell(
    criterion: str, method: str, rows: pl.DataFrame, measures: Sequence[str], own_bars: bool
) -> Cell:
    measured = set(rows["similarity"])
    measure = next((spec for spec in measures if spec in measured), "")
    rows = rows.filter(pl.col("similarity") == measure)
    main = rows.filter(pl.col("population").is_in([MAP, SAME]))
    asks = _asked(criterion, measure, rows, own_bars)
    last = _last_steps(main)
    # Criteria without steps may have null there, which a join leaves out unless told.
    main = main.join(last, on=last.columns, how="semi", nulls_equal=True, maintain_order="left")
    if asks is None or main.is_empty():
        return Cell(criterion, method, None, measure, main, main.clear())
    compared = rows.filter(pl.col("population").is_in([question.value for question in Asks]))
    # Levels have pairs of their own.
    of_last = compared.join(last, on="step", how="semi", nulls_equal=True, maintain_order="left")
    return Cell(criterion, method, asks, measure, main, compared if of_last.is_empty() else of_last)


def _asked(criterion: str, measure: str, rows: pl.DataFrame, own_bars: bool) -> Asks | None:
    if part_name(measure) == RISE:
        return Asks.RISES
    populations = set(rows["population"])
    asks = next((question for question in Asks if question.value in populations), None)
    if asks is None and own_bars and not _of_copies(rows):
        asks = next((asks for name, asks in _BARE if name in populations), None)
    if asks is Asks.IS_KEPT and must_differ(criterion):
        # What random pairs are to a randomized copy, different films are to these two models.
        return Asks.IS_LOST if Asks.IS_KEPT.value in populations else None
    return asks


def _of_copies(rows: pl.DataFrame) -> bool:
    """Whether maps of randomized copies are compared."""
    return bool((rows["draw"].fill_null(-1) >= 0).any())


def _last_steps(rows: pl.DataFrame) -> pl.DataFrame:
    """The last step: of randomized copies that of each model, else the one of all."""
    if _of_copies(rows):
        return rows.group_by("model_a", maintain_order=True).last().select("model_a", "step")
    return rows.tail(1).select("step")
