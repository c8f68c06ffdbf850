"""Verdicts: may the maps of a method be trusted?

The evidence on localization are scores, that on the other criteria similarities of pairs of maps.
Both become one table of evidence per data set and finding (``heatproof.trust.evidence``), and every
rule turns it into verdicts.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import polars as pl

from heatproof.analysis.intervals import Intervals
from heatproof.analysis.rare import Rare
from heatproof.localize.controls import PRIOR, READERS
from heatproof.models.localizers import references
from heatproof.tables.films import Films
from heatproof.tables.pairs import Pairs
from heatproof.tables.scores import Scores
from heatproof.trust import evidence
from heatproof.trust.criteria import LOCALIZATION
from heatproof.trust.rules import Grid, Rule, judged
from heatproof.types import Estimate, Outcome, Verdict
from heatproof.words import count, sentence

_NAN = float("nan")
_NOTHING = Estimate(_NAN, _NAN, _NAN, _NAN, 0, "")


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
class Asked:
    """What an experiment asks of trust.

    Attributes:
        criteria: Specs of the criteria; empty where none is asked.
        methods: Specs of the methods with maps, by data set.
        left_out: Why models have no part in randomization, a sentence for each, by data set.
        present: Whether maps are compared only on films on which the finding is labelled present.
        images: The largest number of films that are compared for a finding; None for all.
        metric: Spec of the metric by which the first rule judges localization; empty without one.
        by_default: Whether the experiment says nothing of trust.
        refused: Whether it says that nothing is to be asked.
    """

    criteria: tuple[str, ...] = ()
    methods: Mapping[str, Sequence[str]] = field(default_factory=dict)
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)
    present: bool = True
    images: int | None = None
    metric: str = ""
    by_default: bool = False
    refused: bool = False


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
        untested: Why no method was put to any criterion, in a sentence; empty where one was.
    """

    dataset: str
    finding: str
    rule: str
    verdicts: tuple[Verdict, ...]
    measures: Mapping[str, str] = field(default_factory=dict)
    controls: tuple[str, ...] = ()
    high: tuple[High, ...] = ()
    untested: str = ""


class Network(NamedTuple):
    """What a member is, as far as verdicts count models.

    Attributes:
        model: The model, which cross-fitted members share: together they are one.
        architecture: Its architecture, with its head; empty where it is unknown.
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


def untested_grids(
    asked: Asked,
    findings: Iterable[tuple[str, str]],
    compared: Collection[tuple[str, str]],
    few: Sequence[Rare],
    rules: Iterable[str],
) -> Iterator[Trust]:
    """A grid of verdicts "not tested" for every finding that has no other, with the reason.

    Args:
        asked: What was asked; without a criterion there is no grid.
        findings: Data set and finding of everything that was judged.
        compared: Those of which maps were compared.
        few: Findings with too few positives to conclude from.
        rules: Specs of the rules.
    """
    positives: dict[tuple[str, str], dict[str, Rare]] = {}
    for rare in few:
        positives.setdefault((rare.dataset, rare.finding), {})[rare.what] = rare
    specs = list(rules)
    for place in dict.fromkeys(findings):
        data, finding = place
        methods = asked.methods.get(data, ())
        why = _why_untested(asked, place, positives.get(place, {}), place in compared)
        if not asked.criteria or not methods or not why:
            continue
        for spec in specs:
            verdicts = tuple(
                Verdict(criterion, method, Outcome.NOT_TESTED, _NOTHING, _NAN, spec, notes=(why,))
                for criterion in (LOCALIZATION, *asked.criteria)
                for method in methods
            )
            yield Trust(data, finding, spec, verdicts, untested=why)


def _why_untested(
    asked: Asked, place: tuple[str, str], rare: Mapping[str, Rare], compared: bool
) -> str:
    """A sentence; empty for a finding that has a grid."""
    data, _ = place
    if not compared and asked.left_out.get(data):
        return " ".join(asked.left_out[data])
    # As ``rare.trustworthy`` has it: enough films of either kind keep a finding.
    if "maps" in rare and "classifier" in rare:
        labelled, marked = rare["classifier"], rare["maps"]
        return (
            f"{sentence(count(labelled.positives, 'film'))} labelled with it and"
            f" {count(marked.positives, 'film')} marked: with fewer than {labelled.least} of both"
            " nothing is concluded ([statistics] min_positives)."
        )
    if compared:
        return ""
    if asked.present:
        return "No film that is labelled with it could be compared ([trust] films)."
    return "There were no two maps to compare."


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
