"""Methods against the human benchmark, and models against each other, on the same films.

Metrics are compared that have a value for every film (``filmwise``), on the films on which both
sides are defined.  Where several readers marked a finding, one of them is the reference
(``data.annotations.readers``).  All films of a patient count together.  p-values are corrected over
one family: all comparisons of one kind in the report, or the findings of one method, by one metric,
on one data set (``Intervals.family``).  The p-values of the macro averages are a family of their
own, since each is a summary of tests of the other.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float

from heatproof.analysis.intervals import Intervals
from heatproof.analysis.rare import Rare, frequent
from heatproof.localize import Metric, lower_is_better, unboxed
from heatproof.localize import metrics as registry
from heatproof.localize.controls import HUMAN_BENCHMARK
from heatproof.localize.controls.human_benchmark import HumanBenchmark
from heatproof.stats import chexlocalize, estimates
from heatproof.stats.decrease import decrease
from heatproof.stats.margin import UNTESTED, Conclusion, Tails
from heatproof.stats.multiple import adjusted
from heatproof.stats.power import SampleSize, needed
from heatproof.tables.films import Films
from heatproof.tables.scores import Scores
from heatproof.types import Estimate

OUTLINES = "the outlines themselves"
MACRO = ""
"""The ``finding`` of a macro average over findings."""


@dataclass(frozen=True)
class Comparison:
    """One method beside readers, or beside another model, on the same films.

    Films count on which both are defined.  p-values are those of the interval
    of the difference, corrected over the family; so are the conclusions about the margin.

    Attributes:
        other: ``"human benchmark"``, or the name of the other model.
        finding: Name of the finding; empty: the macro average over findings.
        ours: Mean score of the method.
        theirs: Mean score of the other side on the same films.
        difference: The method minus the other; higher is better.
        p: Two-sided p-value of the difference, uncorrected; nan where nothing is concluded.
        holm: The p-value corrected by Holm.
        bonferroni: The p-value corrected by Bonferroni.
        margin: The largest loss that would not matter, as declared, in the unit of the metric.
        conclusion: What is shown about that margin, after the correction.
        needed: How many cases it takes to conclude "non-inferior" where both are equal.
        decrease: (other - method) / other; None against another model.
        published: The decrease by the published arithmetic (``stats.chexlocalize``).
        tails: One-sided p-values about the margin, uncorrected.
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
    needed: SampleSize
    decrease: Estimate | None = None
    published: Estimate | None = None
    tails: Tails = UNTESTED


class Sides(NamedTuple):
    """One method of one model by one metric, and the name of what it is compared with."""

    dataset: str
    model: str
    method: str
    metric: str
    other: str


@dataclass(frozen=True)
class PairedScores:
    """Two measurements of the same films, one column per finding; ``nan`` where undefined.

    Attributes:
        findings: The finding of each column.
        first: Scores of the first side; rows are films in the order of their ids.
        second: Scores of the second side on the same films.
        clusters: What is independent, for each film.
    """

    findings: tuple[str, ...]
    first: Float[np.ndarray, "n k"]
    second: Float[np.ndarray, "n k"]
    clusters: tuple[str, ...]

    @property
    def gaps(self) -> Float[np.ndarray, "n k"]:
        """First minus second; ``nan`` where either is undefined."""
        return np.asarray(self.first - self.second)


def comparable(scores: Scores, films: Films, metrics: Mapping[str, Metric]) -> Scores:
    """Scores by metrics in which higher is better, against the reader who counts."""
    # Distances are left out, since difference, margin and conclusion take higher for better.
    specs = [spec for spec, part in metrics.items() if not lower_is_better(part)]
    return scores.where(pl.col("metric").is_in(specs)).of_reader(films.counting())


def against_readers(
    scores: Scores, few: Sequence[Rare], intervals: Intervals
) -> Iterator[Comparison]:
    """Every method against the human benchmark, but for findings with too few positives.

    Args:
        scores: Scores of maps and controls that can be compared (``comparable``).
        few: Findings with too few positives, which are left out.
        intervals: How intervals are made.
    """
    readers = scores.of_control(HUMAN_BENCHMARK)
    other = HumanBenchmark.title
    for (data, model, method, metric), ours in _cells(scores):
        theirs = readers.where(data=data, metric=metric)
        both = paired_scores(ours, theirs, few, intervals)
        if both.findings:
            sides = Sides(data, model, method, metric, other)
            yield from _decreased(both, list(compared(sides, both, intervals)), intervals)


def against_models(
    scores: Scores, pairs: Sequence[tuple[str, str]], few: Sequence[Rare], intervals: Intervals
) -> Iterator[Comparison]:
    """Pairs of models, method by method; the first of a pair is compared with the second."""
    for model, other in pairs:
        ours, theirs = scores.where(model=model), scores.where(model=other)
        for (data, method, metric), maps in ours.by("data", "method", "metric"):
            rest = theirs.where(data=data, method=method, metric=metric)
            both = paired_scores(maps, rest, few, intervals)
            if both.findings:
                yield from compared(Sides(data, model, method, metric, other), both, intervals)


def against_outlines(
    scores: Scores, metrics: Mapping[str, Metric], few: Sequence[Rare], intervals: Intervals
) -> Iterator[Comparison]:
    """Every method by a metric against boxes and by the same metric against outlines."""
    boxes = {
        spec: registry.spec(base)
        for spec, part in metrics.items()
        if (base := unboxed(part)) is not None
    }
    for (data, model, method, metric), maps in _cells(scores):
        if metric in boxes:
            outlines = scores.where(data=data, model=model, method=method, metric=boxes[metric])
            both = paired_scores(maps, outlines, few, intervals)
            if both.findings:
                yield from compared(Sides(data, model, method, metric, OUTLINES), both, intervals)


def paired_scores(
    ours: Scores, theirs: Scores, few: Sequence[Rare], intervals: Intervals
) -> PairedScores:
    """Both sides on every film of ours, for the findings that both have often enough."""
    shared = set(theirs.frame["finding"])
    often = frequent(ours, few).frame["finding"].unique(maintain_order=True)
    findings = tuple(finding for finding in often if finding in shared)
    # ``unique`` keeps no order, and the published arithmetic draws films by their place.
    films = ours.frame.select("image_id", "cluster").unique("image_id").sort("image_id")
    first, second = (_wide(films, scores.frame, findings) for scores in (ours, theirs))
    return PairedScores(findings, first, second, tuple(intervals.clusters(films)))


def compared(sides: Sides, both: PairedScores, intervals: Intervals) -> Iterator[Comparison]:
    """The first side against the second: each finding, then the macro average of several."""
    columns = [slice(place, place + 1) for place in range(len(both.findings))]
    for finding, column in zip(both.findings, columns, strict=True):
        yield _comparison(sides, finding, both, column, intervals)
    # The macro average of a single finding would repeat it.
    if len(columns) > 1:
        yield _comparison(sides, MACRO, both, slice(None), intervals)


def concluded(comparisons: Iterable[Comparison], intervals: Intervals) -> Iterator[Comparison]:
    """The comparisons with p-values and conclusions that are corrected over their family."""
    every = list(comparisons)
    keys = [(one.dataset, one.model, one.method, one.metric, one.other) for one in every]
    families = intervals.families(keys)
    # Macro averages and findings never share a family.
    for family in (
        [place for place in places if bool(every[place].finding) is of_finding]
        for places in families.values()
        for of_finding in (True, False)
    ):
        p = np.array([every[place].p for place in family])
        holm, bonferroni = adjusted(p), adjusted(p, "bonferroni")
        tails = [
            adjusted(np.array(side)) for side in zip(*(every[k].tails for k in family), strict=True)
        ]
        for number, place in enumerate(family):
            shown = Tails(*(float(side[number]) for side in tails))
            every[place] = replace(
                every[place],
                holm=float(holm[number]),
                bonferroni=float(bonferroni[number]),
                conclusion=shown.conclusion(intervals.level),
            )
    yield from every


def _cells(scores: Scores) -> Iterator[tuple[tuple[str, ...], Scores]]:
    return scores.of_models().by("data", "model", "method", "metric")


def _wide(
    films: pl.DataFrame, rows: pl.DataFrame, findings: Sequence[str]
) -> Float[np.ndarray, "n k"]:
    columns = [
        # A left join keeps films without a score as nan, so that the rows of both sides match.
        films.join(rows.filter(finding=finding), on="image_id", how="left", maintain_order="left")
        for finding in findings
    ]
    values = [column["value"].fill_null(float("nan")).to_numpy() for column in columns]
    return np.stack(values, axis=1) if values else np.empty((len(films), 0))


def _comparison(
    sides: Sides, finding: str, both: PairedScores, columns: slice, intervals: Intervals
) -> Comparison:
    gaps, clusters = both.gaps[:, columns], both.clusters
    ours, theirs = (
        # Both means are over the films on which both sides are defined, as the difference is.
        estimates.macro(
            np.where(np.isfinite(gaps), table[:, columns], np.nan), clusters, intervals.level
        )
        for table in (both.first, both.second)
    )
    difference = estimates.paired(gaps, clusters, intervals.level)
    tails = estimates.macro_tails(gaps, clusters, intervals.margin)
    shares, nan = _shares(gaps), float("nan")
    return Comparison(
        *sides,
        finding,
        ours,
        theirs,
        difference,
        p=nan if difference.hindrance else difference.p,
        holm=nan,
        bonferroni=nan,
        margin=intervals.margin,
        conclusion=Conclusion.UNDECIDED,  # until the family is known
        needed=needed(shares, clusters, intervals.margin, intervals.level),
        tails=UNTESTED if difference.hindrance else tails,
    )


def _shares(gaps: Float[np.ndarray, "n k"]) -> Float[np.ndarray, " n"]:
    """One number per film, whose mean is the macro average; nan for films without a gap.

    The number of cases needed follows from means over films, and a film may have several findings:
    each gap is weighed so that every finding counts alike.  Of one finding, these are the gaps
    themselves.
    """
    defined = np.isfinite(gaps)
    counts = defined.sum(axis=0)
    weights = np.divide(1, counts * (counts > 0).sum(), where=counts > 0, out=np.zeros(len(counts)))
    films = defined.any(axis=1)
    return np.asarray(np.where(films, np.where(defined, gaps, 0) @ weights * films.sum(), np.nan))


def _decreased(
    both: PairedScores, every: Sequence[Comparison], intervals: Intervals
) -> Iterator[Comparison]:
    """The comparisons with their percentage decrease, and with the published one."""
    decreases = decrease(both.first, both.second, both.clusters, intervals.level)
    replicates = [
        chexlocalize.replicates(table, intervals.resamples) for table in (both.first, both.second)
    ]
    theirs = chexlocalize.percentage_decrease(*replicates)
    # The published arithmetic gives per cent, every other decrease is a share.
    published = zip(theirs.value / 100, theirs.low / 100, theirs.high / 100, strict=True)
    # Not strict: of a single finding there is no comparison of macro averages.
    rows = zip(every, (*decreases.findings, decreases.macro), published, strict=False)
    for comparison, by_patient, (value, low, high) in rows:
        ends = (float(value), float(low), float(high))
        # The level is that of the authors, whatever level the experiment asks for.
        as_printed = Estimate(*ends, 0.95, by_patient.cases, "the published arithmetic")
        yield replace(comparison, decrease=by_patient, published=as_printed)
