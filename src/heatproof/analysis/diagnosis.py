"""Scores to reasons: with what do the scores of maps go together?

Asked of metrics of maps, and of those of data sets that are means over films (``filmwise``), for
every data set, model and method: the shape of what was marked, how sure the model is, groups of
patients, and the usual place.  Another metric of data sets has no score of a single film, so it is
asked nothing.  Where several readers marked a finding, the first of them counts.  With fewer
than ``FEWEST`` patients nothing is fitted.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import polars as pl

from heatproof.analysis import usual_place as usual
from heatproof.analysis.calibrated import CALIBRATED, with_calibrated
from heatproof.analysis.estimates import numbers
from heatproof.analysis.intervals import resampling
from heatproof.data.threads import side_by_side
from heatproof.diagnose.confidence import Confidence, of_confidence
from heatproof.diagnose.effect import Effect
from heatproof.diagnose.prior import UsualPlace
from heatproof.diagnose.shape import FEATURES, distributions, of_shape
from heatproof.diagnose.subgroups import Subgroup, Value, subgroups
from heatproof.experiment.workspace import Workspace
from heatproof.localize import MeanOverFilms, empty_is_zero, lower_is_better
from heatproof.localize.controls import HUMAN_BENCHMARK
from heatproof.types import Estimate, Sample


@dataclass(frozen=True)
class Spread:
    """How much one feature of a finding's shape varies on one data set: its five-number summary.

    Attributes:
        feature: Of ``diagnose.shape.FEATURES``.
        cases: Films on which it is defined; the numbers are nan without any.
    """

    dataset: str
    finding: str
    feature: str
    cases: int
    least: float
    q1: float
    median: float
    q3: float
    most: float


@dataclass(frozen=True)
class Diagnosis:
    """When the maps of one method and model score high and when low, by one metric of maps.

    Attributes:
        cases: Maps of films on which the finding is marked, with a defined score.
        patients: Behind them; nothing is fitted with fewer than ``enough``.
        enough: Patients that it takes.
        shape: What the shape of the finding does to the score, all findings together.
        confidence: What the model's probability does to it.
        subgroups: Groups of films, by finding.
        gap: What the shape does to how far the score is below that of the human benchmark; empty
            without one.
        calibrated: What the probability does after temperature calibration.
        usual: The score beside that of the mean-mask prior; None where too few have both.
        common: Over findings: rank correlation of the mean score with what each is like; empty
            with few findings.
        points: What a feature of the shape is, or the probability, and the score, of single maps;
            of the first metric of maps alone.
    """

    dataset: str
    model: str
    method: str
    metric: str
    cases: int
    patients: int
    enough: int
    shape: tuple[Effect, ...] = ()
    confidence: tuple[Confidence, ...] = ()
    subgroups: Mapping[str, tuple[Subgroup, ...]] = field(default_factory=dict)
    gap: tuple[Effect, ...] = ()
    calibrated: tuple[Confidence, ...] = ()
    usual: UsualPlace | None = None
    common: Mapping[str, Estimate] = field(default_factory=dict)
    points: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)


FEWEST = 10  # patients, and scores of a group: fewer cannot carry a slope and its interval


DOTS = 400  # of a scatter plot: more hide each other


CATEGORIES = 6  # of a column of metadata, at most: more are names, not groups


DIAGNOSIS = {
    # shape, shape of the gap (to readers), confidence, calibrated confidence, subgroup,
    # usual place or prevalence
    "question": pl.String,
    "data": pl.String,
    "model": pl.String,
    "method": pl.String,
    "metric": pl.String,
    "finding": pl.String,  # null: all findings together
    "rows": pl.String,  # of confidence: all, or positive by the reference
    "feature": pl.String,
    "group": pl.String,
    "regression": pl.String,
    "statistic": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "level": pl.Float64,
    "cases": pl.Int64,
    "patients": pl.Int64,
    "p": pl.Float64,
    "p_corrected": pl.Float64,
    "note": pl.String,
}


_PLACE = ["data", "image_id", "finding", "reference"]


def spreads(table: pl.DataFrame) -> Iterator[Spread]:
    """How different the shapes are, by data set, feature and finding; the first reader's."""
    for (data,), rows in _first_reader(table).group_by(["data"], maintain_order=True):
        for feature, summary in distributions(rows).items():
            numbers = summary.with_columns(pl.col(pl.Float64).fill_null(float("nan")))
            for finding, *told in numbers.iter_rows():
                yield Spread(str(data), finding, feature, *told)


def diagnoses(
    work: Workspace, scores: pl.DataFrame, predictions: pl.DataFrame, table: pl.DataFrame
) -> Iterator[Diagnosis]:
    """One for each data set, model, method and metric that has a value of every film.

    Args:
        work: The experiment, opened.
        scores: One row per map, reader and metric, of ``one_by_one``.
        predictions: One row per film and finding.
        table: Of ``shapes``.
    """
    # What no model made is of no group: the prior, and other controls.
    made = _first_reader(scores.filter(pl.col("group") != ""))
    if made.is_empty():
        return
    experiment = work.experiment
    validation, seed = experiment.classification.validation, experiment.statistics.seed
    told = with_calibrated(predictions, validation, seed).select(
        "data", "group", "image_id", "finding", "probability", CALIBRATED, "label"
    )
    rows = made.join(table, on=_PLACE, how="left", maintain_order="left").join(
        told, on=["data", "group", "image_id", "finding"], how="left", maintain_order="left"
    )
    rows = rows.with_columns(pl.Series("cluster", resampling(work, rows)["clusters"], pl.String))
    read = scores.filter((pl.col("group") == "") & (pl.col("method") == HUMAN_BENCHMARK))
    read = read.select(*_PLACE, "metric", readers="value")
    rows = rows.join(read, on=[*_PLACE, "metric"], how="left", maintain_order="left")
    rows = usual.with_prior(rows, scores)
    keys = ["data", "group", "method", "metric"]
    cells = [cell for _, cell in rows.group_by(keys, maintain_order=True)]
    with side_by_side() as pool:
        yield from pool.map(partial(_diagnosis, work, told, str(made["metric"][0])), cells)


def _diagnosis(work: Workspace, told: pl.DataFrame, first: str, cell: pl.DataFrame) -> Diagnosis:
    """Of one data set, model, method and metric; the scatter plots are of the first metric."""
    data, group, method, metric = cell.select("data", "group", "method", "metric").row(0)
    marked = cell.filter(pl.col("regions") > 0)
    defined = marked.filter(pl.col("value").is_finite())
    patients = defined["cluster"].n_unique()
    found = Diagnosis(data, group, method, metric, len(defined), patients, FEWEST)
    if patients < FEWEST:
        return found
    findings = marked["finding"].unique().to_list()
    own = told.filter(
        (pl.col("data") == data) & (pl.col("group") == group) & pl.col("finding").is_in(findings)
    )
    dots = dict(_points(defined)) if metric == first else {}
    return replace(found, **_reasons(work, cell, own, metric), points=dots)


def _reasons(
    work: Workspace, cell: pl.DataFrame, told: pl.DataFrame, metric: str
) -> dict[str, Any]:
    """What is asked of one method; ``told`` are the predictions of every film of its findings."""
    marked, negatives = cell.filter(pl.col("regions") > 0), _negatives(work, cell, told, metric)
    absent, present = (table.with_columns(probability=CALIBRATED) for table in (negatives, marked))
    higher = not lower_is_better(work.metrics[metric])
    return {
        "shape": _of_shape(work, marked, metric),
        "confidence": _of_confidence(work, marked, negatives, metric),
        "calibrated": _of_confidence(work, present, absent, metric),
        "subgroups": dict(_of_groups(work, marked)),
        "gap": _of_gap(work, marked, metric),
        "usual": usual.beside_prior(work.experiment.statistics, marked, FEWEST) if higher else None,
        "common": usual.over_prevalence(work.experiment.statistics, marked, told) if higher else {},
    }


def _first_reader(table: pl.DataFrame) -> pl.DataFrame:
    first = pl.col("reference").first().over("data", "finding")
    return table.filter(pl.col("reference") == first)


def _of_shape(work: Workspace, marked: pl.DataFrame, metric: str) -> tuple[Effect, ...]:
    level = work.experiment.statistics.level
    return of_shape(marked.rename({"value": metric}), metric, level=level)


def _points(defined: pl.DataFrame) -> Iterator[tuple[str, tuple[tuple[float, float], ...]]]:
    """Each feature beside the score, of every so many maps where there are more than ``DOTS``."""
    for name in (*FEATURES, "probability"):
        table = defined.select(pl.col(name).cast(pl.Float64), "value")
        known = table.filter(pl.all_horizontal(pl.all().is_finite()))
        yield name, tuple(known.gather_every(-(-len(known) // DOTS) or 1).iter_rows())


def _of_gap(work: Workspace, marked: pl.DataFrame, metric: str) -> tuple[Effect, ...]:
    """Of how far the method is below the human benchmark, where there is one."""
    if not marked["readers"].is_finite().any():
        return ()
    gap = marked.with_columns(value=(pl.col("readers") - pl.col("value")).fill_null(float("nan")))
    return _of_shape(work, gap, metric)


def _of_confidence(
    work: Workspace, marked: pl.DataFrame, negatives: pl.DataFrame, metric: str
) -> tuple[Confidence, ...]:
    columns = ["image_id", "finding", "cluster", "probability", "value"]
    table = pl.concat(
        [
            rows.select(*columns, pl.lit(value).alias("marked"))
            for rows, value in ((marked, True), (negatives, False))
        ]
    )
    chosen = work.experiment.statistics
    found = of_confidence(
        table.rename({"value": metric}), metric, chosen.resamples, chosen.level, chosen.seed
    )
    both = not table["marked"].all()  # else the two sets of rows are one
    return tuple(one for one in found if both or one.rows == "positive")


def _negatives(
    work: Workspace, cell: pl.DataFrame, told: pl.DataFrame, metric: str
) -> pl.DataFrame:
    """Films without the finding, with what they score: nothing, where that is what any map does."""
    if isinstance(work.metrics[metric], MeanOverFilms):
        return cell.filter(pl.col("regions") == 0)
    absent = told.filter(pl.col("label") == False)  # noqa: E712  null is unknown, and no negative
    if not empty_is_zero(work.metrics[metric]):
        absent = absent.clear()
    patients = {s.image_id: s.cluster for s in work.data[cell["data"][0]].samples}
    by_image = work.experiment.statistics.by == "image"
    names = [name if by_image else patients[name] for name in absent["image_id"]]
    return absent.with_columns(pl.Series("cluster", names, pl.String), value=pl.lit(0.0))


def _of_groups(work: Workspace, marked: pl.DataFrame) -> Iterator[tuple[str, tuple[Subgroup, ...]]]:
    data = marked["data"][0]
    columns = attributes(work, work.data[data].samples)
    places = {sample.image_id: place for place, sample in enumerate(work.data[data].samples)}
    for (finding,), rows in marked.group_by(["finding"], maintain_order=True):
        own = [places[name] for name in rows["image_id"]]
        values = {name: [column[place] for place in own] for name, column in columns.items()}
        drawn = resampling(work, rows)
        scores = rows["value"].to_numpy()
        yield str(finding), subgroups(scores, attributes=values, fewest=FEWEST, **drawn)


def attributes(work: Workspace, samples: Sequence[Sample]) -> Mapping[str, Sequence[Value]]:
    """What films can be grouped by: the view, and metadata that are ages or few categories.

    Columns that say which model judges which film, or was trained on it, are no groups.
    """
    folds = {
        name for model in work.experiment.models for name in (*model.judges, *model.trained_on)
    }
    names = dict.fromkeys(name for sample in samples for name in sample.metadata)
    columns: dict[str, list[Value]] = {"view": [sample.view or None for sample in samples]}
    columns |= {
        name: [sample.metadata.get(name) for sample in samples]
        for name in names
        if name not in folds
    }
    return {name: column for name, column in columns.items() if _groupable(name, column)}


def _groupable(name: str, column: Sequence[Value]) -> bool:
    kinds = Counter(value for value in column if value is not None)
    if "age" in name.lower().split("_") and all(isinstance(kind, int | float) for kind in kinds):
        return len(kinds) > 1
    return 1 < len(kinds) <= CATEGORIES


def rows_of(found: Sequence[Diagnosis]) -> Iterator[dict[str, Any]]:
    """Every number of the diagnoses, one row each; one row says where patients were too few."""
    for one in found:
        what: dict[str, Any] = {
            "data": one.dataset,
            "model": one.model,
            "method": one.method,
            "metric": one.metric,
            "patients": one.patients,
        }
        if one.patients < one.enough:
            yield what | {"note": f"too few patients: it takes {one.enough}"}
        for effect in one.shape:
            yield what | {"question": "shape"} | _effect(effect)
        for effect in one.gap:
            yield what | {"question": "shape of the gap"} | _effect(effect)
        for question, asked in (
            ("confidence", one.confidence),
            ("calibrated confidence", one.calibrated),
        ):
            for sure in asked:
                of = what | {"question": question, "finding": sure.finding, "rows": sure.rows}
                for effect in sure.effects:
                    yield of | _effect(effect)
                yield of | {"feature": "probability"} | numbers("spearman", sure.spearman)
        if one.usual:
            yield from _of_usual(what | {"question": "usual place"}, one.usual)
        for feature, spearman in one.common.items():
            of = what | {"question": "prevalence", "feature": feature}
            yield of | numbers("spearman", spearman)
        for finding, groups in one.subgroups.items():
            for group in groups:
                of = what | {"question": "subgroup", "finding": finding}
                of |= {"feature": group.attribute, "group": group.group}
                yield of | numbers("mean", group.mean)
                if group.difference:
                    yield of | numbers("difference", group.difference) | {"p_corrected": group.p}


def _of_usual(what: dict[str, Any], found: UsualPlace) -> Iterator[dict[str, Any]]:
    for effect in found.slopes:
        yield what | _effect(effect)
    for name in ("spearman", "beats", "unusual", "usual"):
        yield what | {"feature": "prior"} | numbers(name, getattr(found, name))


def _effect(effect: Effect) -> dict[str, Any]:
    tested = {"p": effect.slope.p, "p_corrected": effect.p}
    named = {"feature": effect.feature, "regression": effect.model}
    return named | numbers("slope", effect.slope.estimate) | tested
