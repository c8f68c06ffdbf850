"""Diagnosis: what do the scores of maps go together with?

For every data set, model, method and metric, scores are set against the shape of what was marked,
the probability by the model, groups of patients, and the usual place of the finding.  Metrics of
maps have a score for each film, and so have metrics of data sets that are means over films
(``filmwise``); other metrics of data sets have no such score, and no diagnosis.  Where several
readers marked a finding, one of them counts (``data.annotations.readers``).  With fewer than
``TO_FIT`` patients nothing is fitted.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import polars as pl

from heatproof.analysis import usual_place
from heatproof.analysis.calibrated import CALIBRATED, with_calibrated
from heatproof.analysis.intervals import Intervals
from heatproof.analysis.rare import TO_FIT
from heatproof.data.threads import side_by_side
from heatproof.diagnose.confidence import Confidence, of_confidence
from heatproof.diagnose.effect import Effect
from heatproof.diagnose.prior import UsualPlace
from heatproof.diagnose.shape import FEATURES, distributions, of_shape
from heatproof.diagnose.subgroups import AttributeValue, Subgroup, subgroups
from heatproof.localize import MeanOverFilms, Metric, empty_is_zero, lower_is_better
from heatproof.localize.controls import HUMAN_BENCHMARK
from heatproof.tables.films import Films
from heatproof.tables.predictions import Predictions
from heatproof.tables.scores import MARKED, Scores
from heatproof.tables.shapes import PLACE, Shapes
from heatproof.types import Estimate

DOTS = 400  # in a scatter plot, at most: more would hide each other
CATEGORIES = 6  # in a column of metadata, at most: a column with more holds names, not groups
_PREDICTION = ["data", "model", "image_id", "finding"]


@dataclass(frozen=True)
class Spread:
    """How much one feature of a finding's shape varies on one data set: its five-number summary.

    Attributes:
        feature: One of ``diagnose.shape.FEATURES``.
        cases: Number of films on which it is defined; without any, the summary is nan.
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
        cases: Number of maps with a defined score on films on which the finding is marked; a film
            with two findings has two.
        patients: Number of patients behind them; a film whose patient is unknown counts as one, and
            so does every film where films are resampled.  With fewer than ``enough`` nothing is
            fitted.
        enough: Number of patients that a fit takes.
        films: Number of films behind the maps.
        lone: How many of ``patients`` are films that count as one.
        unknown: Number of films whose patient is unknown.
        shape: Effects of the shape of the finding on the score, over all findings.
        confidence: Effects of the model's probability on the score.
        subgroups: The score in groups of films, by finding.
        gap: Effects of the shape on how far the score is below that of the human benchmark; empty
            without a benchmark.
        calibrated: Effects of the probability after temperature calibration.
        usual: The score beside that of the mean-mask prior; None where too few patients have both.
        common: Rank correlations over findings of the mean score with prevalence, size and prior;
            empty with few findings.
        points: Dots of scatter plots, by feature: the feature or the probability, and the score;
            only for the first metric of the report.
    """

    dataset: str
    model: str
    method: str
    metric: str
    cases: int
    patients: int
    enough: int
    films: int
    lone: int = 0
    unknown: int = 0
    shape: tuple[Effect, ...] = ()
    confidence: tuple[Confidence, ...] = ()
    subgroups: Mapping[str, tuple[Subgroup, ...]] = field(default_factory=dict)
    gap: tuple[Effect, ...] = ()
    calibrated: tuple[Confidence, ...] = ()
    usual: UsualPlace | None = None
    common: Mapping[str, Estimate] = field(default_factory=dict)
    points: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Grouped:
    """What the films of one data set can be grouped by.

    Attributes:
        places: The place of each film, by ``image_id``, which is unique in a data set.
        columns: Of ``groups``: one value per film.
    """

    places: Mapping[str, int]
    columns: Mapping[str, Sequence[AttributeValue]]

    @classmethod
    def of(cls, films: Films, folds: Collection[str]) -> "Grouped":
        """Look at the films of a data set, once for all cells."""
        places = {image_id: place for place, image_id in enumerate(films.frame["image_id"])}
        return cls(places, groups(films, folds))


@dataclass(frozen=True)
class DiagnosisOptions:
    """What a diagnosis takes besides tables.

    Attributes:
        metrics: The metrics that the scores were measured by, by spec.
        intervals: How intervals are made.
        validation: Data set on which probabilities are calibrated; None: the other half.
        folds: Names of metadata that say which member judges or was trained on a film, and so are
            no subgroups.
    """

    metrics: Mapping[str, Metric]
    intervals: Intervals
    validation: str | None = None
    folds: Collection[str] = ()


def spreads(shapes: Shapes, films: Films) -> Iterator[Spread]:
    """The spread of each feature of the shape, as the reader who counts drew each finding."""
    for (data,), rows in shapes.of_reader(films.counting()).by("data"):
        for feature, summary in distributions(rows.frame).items():
            numbers = summary.with_columns(pl.col(pl.Float64).fill_null(float("nan")))
            for finding, *five in numbers.iter_rows():
                yield Spread(data, finding, feature, *five)


def diagnoses(
    scores: Scores,
    predictions: Predictions,
    shapes: Shapes,
    films: Films,
    options: DiagnosisOptions,
) -> Iterator[Diagnosis]:
    """One diagnosis for each data set, model, method and metric with a value for every film.

    Args:
        scores: Scores of maps and controls, one value per film (``filmwise.one_by_one``).
        predictions: The predictions of every model.
        shapes: The shape of everything that was marked.
        films: The films of every data set.
        options: The metrics, and how intervals are made.
    """
    maps = scores.of_models().of_reader(films.counting()).frame
    if maps.is_empty():
        return
    intervals = options.intervals
    labels = with_calibrated(predictions, options.validation, intervals.seed).select(
        *_PREDICTION, "cluster", "probability", CALIBRATED, "label"
    )
    # Left joins keep films without the finding: they have no shape, but a mean over films
    # scores them, and the regressions on confidence use these scores.
    rows = maps.join(shapes.frame, on=PLACE, how="left", maintain_order="left").join(
        labels.drop("cluster"), on=_PREDICTION, how="left", maintain_order="left"
    )
    rows = rows.with_columns(pl.Series("cluster", intervals.clusters(rows), pl.String))
    readers = scores.of_control(HUMAN_BENCHMARK).frame.select(*PLACE, "metric", readers="value")
    rows = rows.join(readers, on=[*PLACE, "metric"], how="left", maintain_order="left")
    rows = usual_place.with_prior(rows, scores)
    keys = ["data", "model", "method", "metric"]
    cells = [cell for _, cell in rows.group_by(keys, maintain_order=True)]
    grouped = {
        str(data): Grouped.of(films.where(data=data), options.folds)
        for data in rows["data"].unique()
    }
    with side_by_side() as pool:
        of_cell = partial(_diagnosis, options, films, grouped, labels, str(maps["metric"][0]))
        yield from pool.map(of_cell, cells)


def _diagnosis(
    options: DiagnosisOptions,
    films: Films,
    grouped: Mapping[str, Grouped],
    labels: pl.DataFrame,
    first: str,
    cell: pl.DataFrame,
) -> Diagnosis:
    """The diagnosis of one cell: a data set, model, method and metric.

    Args:
        options: The metrics, and how intervals are made.
        films: The films of every data set.
        grouped: What they can be grouped by, by data set.
        labels: Predictions of every model, calibrated as well.
        first: Spec of the metric whose diagnosis has scatter plots.
        cell: Scores of the cell, joined with shapes, predictions, readers and prior.
    """
    data, model, method, metric = cell.select("data", "model", "method", "metric").row(0)
    marked = cell.filter(MARKED)
    defined = marked.filter(pl.col("value").is_finite())
    patients = defined["cluster"].n_unique()
    behind = films.where(pl.col("image_id").is_in(defined["image_id"].to_list()), data=data).frame
    unknown = behind["patient"].null_count()
    lone = unknown if options.intervals.by == "patient" else len(behind)
    counts = (len(defined), patients, TO_FIT, len(behind), lone, unknown)
    record = Diagnosis(data, model, method, metric, *counts)
    # The record stays without results, so that the table can say why nothing is fitted.
    if patients < TO_FIT:
        return record
    findings = marked["finding"].unique().to_list()
    of_model = labels.filter(
        (pl.col("data") == data) & (pl.col("model") == model) & pl.col("finding").is_in(findings)
    )
    dots = dict(_points(defined)) if metric == first else {}
    reasons = _reasons(options, grouped[data], cell, of_model, metric)
    return replace(record, **reasons, points=dots)


def _reasons(
    options: DiagnosisOptions,
    grouped: Grouped,
    cell: pl.DataFrame,
    labels: pl.DataFrame,
    metric: str,
) -> dict[str, Any]:
    """Fields of ``Diagnosis``; ``labels``: predictions on all films for the findings there."""
    intervals, part = options.intervals, options.metrics[metric]
    marked, negatives = (
        cell.filter(MARKED),
        _negatives(part, intervals, cell, labels),
    )
    absent, present = (table.with_columns(probability=CALIBRATED) for table in (negatives, marked))
    higher = not lower_is_better(part)
    return {
        "shape": _of_shape(intervals, marked, metric),
        "confidence": _of_confidence(intervals, marked, negatives, metric),
        "calibrated": _of_confidence(intervals, present, absent, metric),
        "subgroups": dict(_of_groups(intervals, marked, grouped)),
        "gap": _of_gap(intervals, marked, metric),
        # ``beats`` takes the higher score for the better one, so distances are left out.
        "usual": usual_place.beside_prior(marked, intervals) if higher else None,
        "common": usual_place.over_prevalence(marked, labels, intervals) if higher else {},
    }


def _of_shape(intervals: Intervals, marked: pl.DataFrame, metric: str) -> tuple[Effect, ...]:
    return of_shape(marked.rename({"value": metric}), metric, level=intervals.level)


def _points(defined: pl.DataFrame) -> Iterator[tuple[str, tuple[tuple[float, float], ...]]]:
    """Each feature with the score, map by map; where there are too many, every k-th map."""
    for name in (*FEATURES, "probability"):
        table = defined.select(pl.col(name).cast(pl.Float64), "value")
        finite = table.filter(pl.all_horizontal(pl.all().is_finite()))
        # ``or 1``: an empty table would ask for every 0th row.
        yield name, tuple(finite.gather_every(-(-len(finite) // DOTS) or 1).iter_rows())


def _of_gap(intervals: Intervals, marked: pl.DataFrame, metric: str) -> tuple[Effect, ...]:
    """Effects of the shape on the human benchmark's score minus the map's, where both exist."""
    if not marked["readers"].is_finite().any():
        return ()
    # The gap is readers minus map, so a positive slope means that maps fall further behind.
    gap = marked.with_columns(value=(pl.col("readers") - pl.col("value")).fill_null(float("nan")))
    return _of_shape(intervals, gap, metric)


def _of_confidence(
    intervals: Intervals, marked: pl.DataFrame, negatives: pl.DataFrame, metric: str
) -> tuple[Confidence, ...]:
    columns = ["image_id", "finding", "cluster", "probability", "value"]
    table = pl.concat(
        [
            rows.select(*columns, pl.lit(value).alias("marked"))
            for rows, value in ((marked, True), (negatives, False))
        ]
    )
    effects = of_confidence(table.rename({"value": metric}), metric, level=intervals.level)
    both = not table["marked"].all()  # without negatives, "all" and "positive" are the same rows
    return tuple(effect for effect in effects if both or effect.rows == "positive")


def _negatives(
    metric: Metric, intervals: Intervals, cell: pl.DataFrame, labels: pl.DataFrame
) -> pl.DataFrame:
    """Films without the finding that have a score: 0, by a metric that gives any map 0 there."""
    if isinstance(metric, MeanOverFilms):
        return cell.filter(~MARKED)
    absent = labels.filter(pl.col("label") == False)  # noqa: E712  null is unknown, and no negative
    # A metric that is undefined without marks has no score on films without the finding.
    if not empty_is_zero(metric):
        absent = absent.clear()
    clusters = pl.Series("cluster", intervals.clusters(absent), pl.String)
    return absent.with_columns(clusters, value=pl.lit(0.0))


def _of_groups(
    intervals: Intervals, marked: pl.DataFrame, grouped: Grouped
) -> Iterator[tuple[str, tuple[Subgroup, ...]]]:
    for (finding,), rows in marked.group_by(["finding"], maintain_order=True):
        places = [grouped.places[name] for name in rows["image_id"]]
        values = {
            name: [column[place] for place in places] for name, column in grouped.columns.items()
        }
        scores, drawing = rows["value"].to_numpy(), intervals.over(rows)
        yield str(finding), subgroups(scores, attributes=values, fewest=TO_FIT, **drawing)


def groups(films: Films, folds: Collection[str] = ()) -> Mapping[str, Sequence[AttributeValue]]:
    """The columns that films can be grouped by: the view, and metadata with few values, or ages."""
    columns = films.attributes()
    return {
        name: column
        for name, column in columns.items()
        if name not in folds and _groupable(name, column)
    }


def _groupable(name: str, column: Sequence[AttributeValue]) -> bool:
    kinds = Counter(value for value in column if value is not None)
    # Ages have many values and are groups all the same, since numbers are cut at tertiles.
    if "age" in name.lower().split("_") and all(isinstance(kind, int | float) for kind in kinds):
        return len(kinds) > 1
    return 1 < len(kinds) <= CATEGORIES
