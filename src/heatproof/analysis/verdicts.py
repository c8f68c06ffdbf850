"""Tables of pairs and of scores to verdicts: may the maps of a method be trusted?

Localization is judged by the scores that the report shows, the other criteria by the similarities
of pairs of maps.  Both become one table of evidence per data set and finding
(``heatproof.trust.evidence``), which every rule judges.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl

from heatproof.localize.controls import PRIOR
from heatproof.stages.readers import READERS
from heatproof.trust import evidence
from heatproof.trust.criteria import LOCALIZATION
from heatproof.trust.rules import Rule
from heatproof.trust.rules.arun2021 import over_draws
from heatproof.types import Verdict


@dataclass(frozen=True)
class High:
    """What readers or a supervised reference reach by a criterion, in the measure of its verdicts.

    Attributes:
        control: Its name in tables, such as ``"readers"``.
        value: The mean over films.
    """

    criterion: str
    control: str
    measure: str
    value: float


@dataclass(frozen=True)
class Trust:
    """The trust grid of one data set and finding under one rule.

    Attributes:
        rule: A ``Rule.spec``.
        verdicts: One per criterion and method.
        measures: Spec of a similarity or metric to its name for people, unless it is one of
            ``Content.metrics``.
        controls: Methods that stand for readers or supervised references, and are no rows.
        high: What these reach, as far as it was measured.
    """

    dataset: str
    finding: str
    rule: str
    verdicts: tuple[Verdict, ...]
    measures: Mapping[str, str] = field(default_factory=dict)
    controls: tuple[str, ...] = ()
    high: tuple[High, ...] = ()


CONTROLS = {
    READERS: "Two readers",
    "detection": "Trained detectors",
    "segmentation": "Trained segmentation networks",
}
"""Readers and supervised references: what a strong pass is measured against.  Titles by name."""


REFERENCE = "reference"


def trust(
    pairs: pl.DataFrame,
    scores: pl.DataFrame,
    rules: Mapping[str, Rule],
    measures: Mapping[str, str],
) -> tuple[Trust, ...]:
    """The grid of every data set and finding that maps were compared on, under every rule.

    Args:
        pairs: One row per pair of maps and similarity (``workspace.TRUST``).
        scores: One row per map and metric (``workspace.SCORES``).
        rules: By spec.
        measures: Names of similarities and metrics for people, by spec.
    """
    return tuple(
        Trust(str(data), str(finding), spec, verdicts, measures, controls, high)
        for (data, finding), rows in pairs.group_by(["data", "finding"], maintain_order=True)
        for table in [_evidence(rows, scores)]
        for methods, controls in [_methods(table)]
        for spec, rule in rules.items()
        for verdicts in [rule(table, methods, controls)]
        for high in [tuple(_high(table, verdicts, controls))]
    )


def verdict_table(grids: Sequence[Trust]) -> pl.DataFrame:
    """One row per verdict."""
    return pl.DataFrame(
        [row for grid in grids for row in _rows(grid)], schema=VERDICTS, orient="row"
    )


VERDICTS = {
    "data": pl.String,
    "finding": pl.String,
    "criterion": pl.String,
    "method": pl.String,
    "rule": pl.String,
    "verdict": pl.String,
    "strong": pl.String,
    "measure": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "level": pl.Float64,
    "cases": pl.Int64,
    "interval": pl.String,  # how it was made
    "threshold": pl.Float64,
    "above": pl.Boolean,  # passes above the threshold, or below
    "p": pl.Float64,  # before any correction
    "margin": pl.Float64,  # what follows is null where nothing would settle it, or it is settled
    "patients_needed": pl.Int64,
    "draws_needed": pl.Int64,
    "notes": pl.String,
}


def _rows(grid: Trust) -> Iterator[dict[str, Any]]:
    for verdict in grid.verdicts:
        estimate, needed = asdict(verdict.evidence), verdict.needed
        yield {
            "data": grid.dataset,
            "finding": grid.finding,
            "criterion": verdict.criterion,
            "method": verdict.method,
            "rule": verdict.rule,
            "verdict": verdict.passed.value,
            "strong": verdict.strong.value,
            "measure": verdict.measure,
            "interval": estimate.pop("method"),
            **estimate,
            "threshold": verdict.threshold,
            "above": verdict.above,
            "p": verdict.p,
            "margin": needed.margin if needed else None,
            "patients_needed": needed.patients if needed else None,
            "draws_needed": needed.draws if needed else None,
            "notes": " ".join(verdict.notes),
        }


def _evidence(pairs: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """The pairs of one data set and finding, with its scores as the criterion of localization."""
    data, finding = pairs["data"][0], pairs["finding"][0]
    scores = scores.filter((pl.col("data") == data) & (pl.col("finding") == finding))
    readers = list(scores["reference"].unique(maintain_order=True))
    chosen = REFERENCE if REFERENCE in readers or not readers else readers[0]
    localized = scores.filter(pl.col("reference") == chosen)
    of_models = pl.col("group") != ""
    prior = localized.filter(~of_models & (pl.col("method") == PRIOR))
    maps = localized.filter(of_models | (pl.col("method") == READERS))
    methods = maps.select("method").unique(maintain_order=True)
    parts = [
        part.select(
            "method",
            "image_id",
            "cluster",
            "value",
            criterion=pl.lit(LOCALIZATION),
            similarity="metric",
            image_id_b="image_id",
            cluster_b="cluster",
            model_a="model",
            model_b="model",
            step=pl.lit(""),
            draw=pl.lit(-1, pl.Int32),
            population=pl.lit(population),
            validity_a="validity",
            validity_b="validity",
        )
        for population, part in (
            (evidence.MAP, maps),
            # Every method is compared with the same prior.
            (evidence.PRIOR, methods.join(prior.drop("method"), how="cross")),
        )
    ]
    return pl.concat([*parts, pairs.select(parts[0].columns)], how="vertical_relaxed")


def _high(
    table: pl.DataFrame, verdicts: Sequence[Verdict], controls: Sequence[str]
) -> Iterator[High]:
    """What controls reach, by the measure that the verdicts of a criterion rest on."""
    measures = {one.criterion: one.measure for one in verdicts if one.measure}
    for measure in dict.fromkeys(measures.values()):
        for cell in evidence.cells(table, controls, (measure,)):
            tested = cell.asks not in (None, evidence.Asks.IS_LOST)
            if tested and measures.get(cell.criterion) == measure:
                yield High(cell.criterion, cell.method, measure, over_draws(cell.rows))


def _methods(table: pl.DataFrame) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found = [str(name) for name in table["method"].unique(maintain_order=True)]
    controls = tuple(name for name in CONTROLS if name in found)
    return tuple(name for name in found if name not in controls), controls
