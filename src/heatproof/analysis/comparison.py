"""Methods against the human benchmark, and models against each other, on the same films.

Of metrics that have a value of every film (``filmwise``).  Films count on which both are defined;
where several readers marked a finding, the first of them is the reference.  Patients are drawn, and
turned, together.  p-values are corrected over one family: the findings of one method, by one
metric, on one data set; the macro average is no member of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from heatproof.analysis.intervals import resampling
from heatproof.analysis.rare import Rare, frequent
from heatproof.experiment.file import Experiment
from heatproof.experiment.workspace import Workspace
from heatproof.localize import lower_is_better, metrics, unboxed
from heatproof.localize.controls import HUMAN_BENCHMARK
from heatproof.localize.controls.human_benchmark import HumanBenchmark
from heatproof.stats import bootstrap, chexlocalize
from heatproof.stats.decrease import decrease
from heatproof.stats.margin import Conclusion, conclude
from heatproof.stats.multiple import adjusted
from heatproof.stats.permutation import paired
from heatproof.stats.power import Needed, needed
from heatproof.types import Estimate


@dataclass(frozen=True)
class Comparison:
    """One method beside readers, or beside another model, on the same films.

    Films count on which both are defined.  p-values are those of paired permutations by patient,
    corrected over the findings that this method was compared in, by this metric, on this data set.

    Attributes:
        other: ``"human benchmark"``, or the name of the other model.
        finding: Empty for the macro average over findings.
        difference: The method minus the other; higher is better.
        p: Uncorrected.
        holm: Corrected by Holm; nan for the macro average, as ``bonferroni``.
        bonferroni: Corrected by Bonferroni.
        margin: The largest loss that would not matter, as declared.
        conclusion: What the interval of the difference says of that margin.
        needed: How many cases it takes to conclude "non-inferior" where both are equal.
        decrease: (other - method) / other; None against another model.
        published: The same with the published arithmetic (``stats.chexlocalize``).
    """

    dataset: str
    model: str
    method: str
    metric: str
    other: str
    finding: str
    ours: Estimate
    theirs: Estimate
    difference: Estimate
    p: float
    holm: float
    bonferroni: float
    margin: float
    conclusion: Conclusion
    needed: Needed
    decrease: Estimate | None = None
    published: Estimate | None = None


OUTLINES = "the outlines themselves"


MACRO = ""  # in the place of a finding


COMPARISONS = {
    "data": pl.String,
    "model": pl.String,
    "method": pl.String,
    "metric": pl.String,
    "other": pl.String,
    "finding": pl.String,  # empty: the macro average
    "statistic": pl.String,  # ours, theirs, difference, decrease, published
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "level": pl.Float64,
    "cases": pl.Int64,
    "p": pl.Float64,  # of differences, as all that follows
    "holm": pl.Float64,
    "bonferroni": pl.Float64,
    "margin": pl.Float64,
    "conclusion": pl.String,
    "cases_needed": pl.Int64,
    "patients_needed": pl.Int64,
    "power": pl.Float64,
}


@dataclass(frozen=True)
class Measured:
    """Two measurements of the same films, one column per finding; ``nan`` where undefined.

    Attributes:
        findings: Of the columns.
        first: Rows are films in the order of their ids.
        second: The same films.
        drawn: What every bootstrap over the rows is told.
    """

    findings: tuple[str, ...]
    first: Float[np.ndarray, "n k"]
    second: Float[np.ndarray, "n k"]
    drawn: dict[str, Any]

    @property
    def gaps(self) -> Float[np.ndarray, "n k"]:
        """First minus second; ``nan`` where either is undefined."""
        return np.asarray(self.first - self.second)


def against_readers(
    work: Workspace, scores: pl.DataFrame, few: Sequence[Rare]
) -> Iterator[Comparison]:
    """Every method against the human benchmark, but for findings with too few positives."""
    table = of_maps(work, scores)
    read = table.filter((pl.col("group") == "") & (pl.col("method") == HUMAN_BENCHMARK))
    other = HumanBenchmark.title
    keys = ["data", "group", "method", "metric"]
    made = table.filter(pl.col("group") != "")
    for (data, group, method, metric), ours in made.group_by(keys, maintain_order=True):
        theirs = read.filter(data=data, metric=metric)
        found = measured(work, ours, theirs, few)
        if found.findings:
            what = (str(data), str(group), str(method), str(metric), other)
            yield from _decreased(found, list(compared(work, what, found)))


def against_models(
    work: Workspace, scores: pl.DataFrame, few: Sequence[Rare]
) -> Iterator[Comparison]:
    """Every pair of models that is to be compared, method by method."""
    table = of_maps(work, scores)
    keys = ["data", "method", "metric"]
    for one, other in pairs(work.experiment):
        ours, theirs = (table.filter(pl.col("group") == name) for name in (one, other))
        for (data, method, metric), rows in ours.group_by(keys, maintain_order=True):
            rest = theirs.filter(data=data, method=method, metric=metric)
            found = measured(work, rows, rest, few)
            if found.findings:
                what = (str(data), one, str(method), str(metric), other)
                yield from compared(work, what, found)


def against_outlines(
    work: Workspace, scores: pl.DataFrame, few: Sequence[Rare]
) -> Iterator[Comparison]:
    """What boxes make of each method, beside what the outlines do: of metrics scored by both."""
    table = of_maps(work, scores)
    made = table.filter(pl.col("group") != "")
    boxes = {
        spec: metrics.spec(base)
        for spec, part in work.metrics.items()
        if (base := unboxed(part)) is not None
    }
    keys = ["data", "group", "method", "metric"]
    for (data, group, method, metric), rows in made.group_by(keys, maintain_order=True):
        if str(metric) in boxes:
            outlines = made.filter(data=data, group=group, method=method, metric=boxes[str(metric)])
            found = measured(work, rows, outlines, few)
            if found.findings:
                what = (str(data), str(group), str(method), str(metric), OUTLINES)
                yield from compared(work, what, found)


def pairs(experiment: Experiment) -> list[tuple[str, str]]:
    """Models that are compared: those declared, and ensembles beside their best checkpoints."""
    ensembles = [(model, model.ensemble) for model in experiment.models if model.ensemble]
    found = [
        (one.group or one.name, other.group or other.name)
        for one, many in ensembles
        for other, single in ensembles
        if many.best > single.best == 1 and many.of == single.of
    ]
    declared = [(one, other) for one, other in experiment.statistics.compare]
    return list(dict.fromkeys([*declared, *found]))


def of_maps(work: Workspace, scores: pl.DataFrame) -> pl.DataFrame:
    """Scores of metrics of maps in which higher is better, by the first reference."""
    specs = [spec for spec, part in work.metrics.items() if not lower_is_better(part)]
    first = pl.col("reference").first().over("data", "finding")
    return scores.filter(pl.col("metric").is_in(specs) & (pl.col("reference") == first))


def measured(
    work: Workspace, ours: pl.DataFrame, theirs: pl.DataFrame, few: Sequence[Rare]
) -> Measured:
    """The findings that both measured often enough, on every film of ours."""
    shared = set(theirs["finding"])
    often = frequent(ours, few)["finding"].unique(maintain_order=True)
    findings = tuple(finding for finding in often if finding in shared)
    films = ours.select("image_id", "cluster").unique("image_id").sort("image_id")
    first, second = (_wide(films, rows, findings) for rows in (ours, theirs))
    return Measured(findings, first, second, resampling(work, films))


def _wide(
    films: pl.DataFrame, rows: pl.DataFrame, findings: Sequence[str]
) -> Float[np.ndarray, "n k"]:
    columns = [
        films.join(rows.filter(finding=finding), on="image_id", how="left", maintain_order="left")
        for finding in findings
    ]
    values = [column["value"].fill_null(float("nan")).to_numpy() for column in columns]
    return np.stack(values, axis=1) if values else np.empty((len(films), 0))


def compared(
    work: Workspace, what: tuple[str, str, str, str, str], found: Measured
) -> Iterator[Comparison]:
    """First against second: every finding, then the macro average where there are several.

    Args:
        work: The experiment.
        what: Data set, model, method, metric and the name of the other.
        found: Both.
    """
    columns = [slice(place, place + 1) for place in range(len(found.findings))]
    every = [_comparison(work, (*what, name), found, at) for name, at in _named(found, columns)]
    p = np.array([one.p for one in every])
    holm, bonferroni = adjusted(p), adjusted(p, "bonferroni")
    for place, one in enumerate(every):
        yield replace(one, holm=float(holm[place]), bonferroni=float(bonferroni[place]))
    if len(every) > 1:
        yield _comparison(work, (*what, MACRO), found, slice(None))


def _named(found: Measured, columns: Sequence[slice]) -> Iterator[tuple[str, slice]]:
    return zip(found.findings, columns, strict=True)


def _comparison(
    work: Workspace, what: tuple[str, str, str, str, str, str], found: Measured, columns: slice
) -> Comparison:
    gaps, drawn, chosen = found.gaps[:, columns], found.drawn, work.experiment.statistics
    ours, theirs = (
        bootstrap.macro(np.where(np.isfinite(gaps), table[:, columns], np.nan), **drawn)
        for table in (found.first, found.second)
    )
    difference = bootstrap.macro(gaps, **drawn)
    shares, clusters = _shares(gaps), drawn["clusters"]
    nan = float("nan")
    return Comparison(
        *what,
        ours,
        theirs,
        difference,
        p=paired(shares, np.zeros_like(shares), clusters, seed=chosen.seed),
        holm=nan,
        bonferroni=nan,
        margin=chosen.margin,
        conclusion=conclude(difference, chosen.margin),
        needed=needed(shares, clusters, chosen.margin, chosen.level),
    )


def _shares(gaps: Float[np.ndarray, "n k"]) -> Float[np.ndarray, " n"]:
    """Numbers of films whose mean is the macro average; of one finding, the gaps themselves."""
    defined = np.isfinite(gaps)
    counts = defined.sum(axis=0)
    weights = np.divide(1, counts * (counts > 0).sum(), where=counts > 0, out=np.zeros(len(counts)))
    films = defined.any(axis=1)
    return np.asarray(np.where(films, np.where(defined, gaps, 0) @ weights * films.sum(), np.nan))


def _decreased(found: Measured, every: Sequence[Comparison]) -> Iterator[Comparison]:
    """With the percentage decrease: sound, and as it was published."""
    below = decrease(found.first, found.second, **found.drawn)
    drawn = [chexlocalize.replicates(table) for table in (found.first, found.second)]
    theirs = chexlocalize.percentage_decrease(*drawn)
    published = zip(theirs.value / 100, theirs.low / 100, theirs.high / 100, strict=True)
    told = zip(every, (*below.findings, below.macro), published, strict=False)
    for one, sound, (value, low, high) in told:
        ends = (float(value), float(low), float(high))
        as_printed = Estimate(*ends, 0.95, sound.cases, "the published arithmetic")
        yield replace(one, decrease=sound, published=as_printed)


def rows_of(found: Sequence[Comparison]) -> Iterator[dict[str, Any]]:
    """Every number, one row each."""
    for one in found:
        what = {
            "data": one.dataset,
            **{name: getattr(one, name) for name in ("model", "method", "metric", "other")},
            "finding": one.finding,
        }
        tested = {name: getattr(one, name) for name in ("p", "holm", "bonferroni", "margin")}
        tested |= {
            "conclusion": one.conclusion.value,
            "cases_needed": one.needed.cases,
            "patients_needed": one.needed.patients,
            "power": one.needed.power,
        }
        for name in ("ours", "theirs", "difference", "decrease", "published"):
            if (estimate := getattr(one, name)) is None:
                continue
            numbers = asdict(estimate)
            del numbers["method"]
            extra = tested if name == "difference" else {}
            yield what | {"statistic": name} | numbers | extra
