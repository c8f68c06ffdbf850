"""Verdicts: may the maps of a method be trusted?

The evidence on localization are scores, that on the other criteria similarities of pairs of maps.
Both become one table of evidence per data set and finding (``heatproof.trust.evidence``), and every
rule turns it into verdicts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import polars as pl

from heatproof.analysis.intervals import Intervals
from heatproof.localize.controls import PRIOR, READERS
from heatproof.models.localizers import references
from heatproof.tables.films import Films
from heatproof.tables.pairs import Pairs
from heatproof.tables.scores import Scores
from heatproof.trust import evidence
from heatproof.trust.criteria import LOCALIZATION
from heatproof.trust.rules import Grid, Rule, judged
from heatproof.types import Verdict


def high_controls() -> dict[str, str]:
    """What a strong pass is measured against, in words, by the method that its rows have in tables.

    These are the readers, and the supervised references: every localizer that is registered.
    """
    return {READERS: "Two readers"} | references()


@dataclass(frozen=True)
class High:
    """What readers or a supervised reference reach by a criterion, in the measure of its verdicts.

    Attributes:
        control: Name of the control in tables, such as ``"readers"``.
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
        controls: Methods that stand for readers or supervised references, and have no verdicts.
        high: What these controls reach by each criterion that they were measured by.
    """

    dataset: str
    finding: str
    rule: str
    verdicts: tuple[Verdict, ...]
    measures: Mapping[str, str] = field(default_factory=dict)
    controls: tuple[str, ...] = ()
    high: tuple[High, ...] = ()


class Network(NamedTuple):
    """What a member is, as far as verdicts count models.

    Attributes:
        model: The model, which cross-fitted members share: together they are one.
        architecture: Its architecture; empty where it is unknown.
    """

    model: str
    architecture: str = ""


def verdict_grids(
    pairs: Pairs,
    scores: Scores,
    films: Films,
    rules: Mapping[str, Rule],
    measures: Mapping[str, str],
    networks: Mapping[str, Network],
    intervals: Intervals,
) -> Iterator[Trust]:
    """The grid of every data set and finding that maps were compared on, under every rule.

    Args:
        pairs: Similarities of maps.
        scores: Scores of maps and controls.
        films: The films of every data set.
        rules: The rules, by spec.
        measures: What people call similarities and metrics, by spec.
        networks: What each member is, by its name.
        intervals: How intervals are made; they say which verdicts are corrected together.
    """
    # One reader counts per finding, so the order of readers in a file decides nothing.
    counted = scores.of_reader(films.counting())
    places, grids = [], []
    for (data, finding), rows in pairs.by("data", "finding"):
        table = _evidence(rows, counted.where(data=data, finding=finding), networks)
        places.append((data, finding))
        grids.append(Grid(table, *_methods(table)))
    families = intervals.families(places)
    verdicts = {
        (spec, place): found
        for spec, rule in rules.items()
        for family in families.values()
        for place, found in zip(family, judged(rule, [grids[k] for k in family]), strict=True)
    }
    for place, ((data, finding), grid) in enumerate(zip(places, grids, strict=True)):
        for spec in rules:
            found = verdicts[spec, place]
            high = tuple(_high(grid.table, found, grid.controls))
            yield Trust(data, finding, spec, found, measures, tuple(grid.controls), high)


def _evidence(pairs: Pairs, scores: Scores, networks: Mapping[str, Network]) -> pl.DataFrame:
    """The pairs of one data set and finding, with its scores as the criterion of localization."""
    prior = scores.of_control(PRIOR).frame
    maps = scores.of_models_and(READERS).frame
    methods = maps.select("method").unique(maintain_order=True)
    # Every method is compared with the same prior.
    compared = methods.join(prior.drop("method"), how="cross")
    scored, expected = _as_evidence(maps, evidence.MAP), _as_evidence(compared, evidence.PRIOR)
    parts = [scored, expected, pairs.frame.select(scored.columns)]
    return _with_networks(pl.concat(parts, how="vertical_relaxed"), networks)


def _with_networks(table: pl.DataFrame, networks: Mapping[str, Network]) -> pl.DataFrame:
    """The table with models in place of their members, and with architectures where known."""
    models = {member: network.model for member, network in networks.items()}
    architectures = {
        member: network.architecture for member, network in networks.items() if network.architecture
    }
    return table.with_columns(
        column
        for side in ("a", "b")
        for column in (
            pl.col(f"model_{side}").replace(models),
            pl.col(f"model_{side}")
            .replace_strict(architectures, default=None, return_dtype=pl.String)
            .alias(f"architecture_{side}"),
        )
    )


def _as_evidence(scores: pl.DataFrame, population: str) -> pl.DataFrame:
    """Scores under the columns of a table of evidence, where a map stands for a pair of maps."""
    return scores.select(
        "method",
        "image_id",
        "cluster",
        "value",
        criterion=pl.lit(LOCALIZATION),
        similarity="metric",
        image_id_b="image_id",
        cluster_b="cluster",
        model_a="member",
        model_b="member",
        step=pl.lit(""),
        # -1 says in the table of pairs, too, that no random weights were drawn.
        draw=pl.lit(-1, pl.Int32),
        population=pl.lit(population),
        validity_a="validity",
        validity_b="validity",
    )


def _high(
    table: pl.DataFrame, verdicts: Sequence[Verdict], controls: Sequence[str]
) -> Iterator[High]:
    """What controls reach, by the measure that the verdicts of a criterion rest on."""
    measures = {verdict.criterion: verdict.measure for verdict in verdicts if verdict.measure}
    for measure in dict.fromkeys(measures.values()):
        for cell in evidence.cells(table, controls, (measure,)):
            tested = cell.asks not in (None, evidence.Asks.IS_LOST)
            if tested and measures.get(cell.criterion) == measure:
                yield High(cell.criterion, cell.method, measure, evidence.over_draws(cell.rows))


def _methods(table: pl.DataFrame) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The methods that get verdicts, and those that stand for readers or references."""
    names = [str(name) for name in table["method"].unique(maintain_order=True)]
    controls = tuple(name for name in high_controls() if name in names)
    return tuple(name for name in names if name not in controls), controls
