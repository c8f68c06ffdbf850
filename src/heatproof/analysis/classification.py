"""Classification: how well each model recognizes each finding, and at which threshold.

Every film carries the threshold that it is called at, so that a table of rates and the pictures of
true and false positives speak of the same calls.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from heatproof.analysis.intervals import Intervals, without_intervals
from heatproof.stats import bounded
from heatproof.stats.calibration import calibration
from heatproof.stats.classification import auroc, rates, roc
from heatproof.stats.operating_point import TargetSensitivity, Youden, called, cross_fitted
from heatproof.tables.films import Films
from heatproof.tables.predictions import Called, Predictions
from heatproof.types import Estimate
from heatproof.words import listed


@dataclass(frozen=True)
class CalibrationBin:
    """One point of a calibration curve: mean probability, and share of positives with interval."""

    predicted: float
    observed: Estimate


@dataclass(frozen=True)
class OperatingPoint:
    """The probability from which on films are called positive, and the rates that it gives.

    Attributes:
        threshold: The probability, in [0, 1]; the mean of two where each half has its own.
        chosen_on: How it was chosen, in words, such as ``"validation split, Youden's index"``.
        sensitivity: nan without positives.
        specificity: nan without negatives.
        ppv: Positive predictive value at this data set's prevalence.
        npv: Negative predictive value at this data set's prevalence.
    """

    threshold: float
    chosen_on: str
    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate
    npv: Estimate


@dataclass(frozen=True)
class Classification:
    """How well one model's probabilities tell one finding on one data set.

    Attributes:
        positives: Number of films (or studies) labelled present; uncertain and unknown labels are
            in neither count.
        negatives: Number of films (or studies) labelled absent.
        auroc: Area under the ROC curve; nan unless there are positives and negatives.
        brier: Mean squared distance between probability and label, in [0, 1].
        point: The operating point; None where no threshold could be chosen.
        calibration: Bins of the calibration curve; empty without a labelled film.
        by: ``"image"``, or ``"study"`` where the views of a study count as one.
        roc: Corners of the ROC curve from (0, 0) to (1, 1): one minus specificity, and
            sensitivity; empty unless there are positives and negatives.
    """

    dataset: str
    model: str
    finding: str
    positives: int
    negatives: int
    auroc: Estimate
    brier: Estimate
    point: OperatingPoint | None = None
    calibration: tuple[CalibrationBin, ...] = ()
    by: str = "image"
    roc: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Calls:
    """How films are called positive.

    Attributes:
        validation: Data set on which the threshold is chosen; without it, each half of the patients
            is called at the threshold chosen on the other half.
        sensitivity: The sensitivity that the threshold is to reach; None: Youden's index.
        by: What is called: films (``"image"``), or studies, which are positive if a view is.
        seed: Seed of the division into halves.
    """

    validation: str | None = None
    sensitivity: float | None = None
    by: Literal["image", "study"] = "image"
    seed: int = 0


_CELL = ("data", "model", "finding")  # thresholds and rates are computed within each


def with_thresholds(predictions: Predictions, films: Films, calls: Calls) -> Called:
    """Predictions with the threshold that each film is called at."""
    frames = [
        # A left join keeps the films of clusters without a threshold, which is null there.
        rows.frame.join(_thresholds(predictions, rows, films, calls), on="cluster", how="left")
        for _, rows in predictions.by(*_CELL)
    ]
    unknown = pl.lit(None, pl.Float64).alias("threshold")
    return Called(pl.concat(frames) if frames else predictions.frame.with_columns(unknown))


def classification(
    predictions: Called,
    films: Films,
    judged: Collection[tuple[str, str]],
    calls: Calls,
    intervals: Intervals,
) -> Iterator[Classification]:
    """One record per data set, model and finding.

    Args:
        predictions: The predictions of every model, with thresholds.
        films: The films of every data set.
        judged: Pairs of data set and model to report; other predictions only choose thresholds.
        calls: How films are called positive.
        intervals: How intervals are made.
    """
    for (data, model, finding), rows in predictions.by(*_CELL):
        if (data, model) not in judged:
            continue
        labelled = _labelled(rows, films, calls)
        labels, probabilities = labelled["label"].to_numpy(), labelled["probability"].to_numpy()
        clusters, level = intervals.clusters(labelled), intervals.level
        curve = calibration(probabilities, labels, clusters, level=level) if len(labelled) else None
        record = Classification(
            dataset=data,
            model=model,
            finding=finding,
            positives=int(labels.sum()),
            negatives=int((~labels).sum()),
            auroc=auroc(probabilities, labels, clusters, level),
            brier=bounded.mean((probabilities - labels) ** 2, clusters, level),
            point=_point(labelled, films, clusters, calls, level),
            calibration=tuple(
                CalibrationBin(part.probability, part.observed) for part in curve.bins
            )
            if curve
            else (),
            by=calls.by,
            roc=roc(probabilities, labels),
        )
        yield record if intervals.enough(record.positives) else without_intervals(record)


def _thresholds(
    predictions: Predictions, rows: Predictions, films: Films, calls: Calls
) -> pl.DataFrame:
    """The threshold of each cluster: of the validation data, or of the other half of patients."""
    rule = TargetSensitivity(calls.sensitivity) if calls.sensitivity else Youden()
    if calls.validation is not None:
        model, finding = rows.frame["model"][0], rows.frame["finding"][0]
        same = predictions.where(data=calls.validation, model=model, finding=finding)
        labelled = _labelled(same, films, calls)
        threshold = rule(labelled["probability"].to_numpy(), labelled["label"].to_numpy())
        chosen = rows.frame.select("cluster").with_columns(threshold=pl.lit(threshold))
    else:
        labelled = _labelled(rows, films, calls)
        fitted = cross_fitted(
            labelled["probability"].to_numpy(),
            labelled["label"].to_numpy(),
            labelled["cluster"].to_list(),
            rule,
            calls.seed,
        )
        # Rates of the half for which there is a threshold would not be those of the data set.
        fitted = fitted if np.isfinite(fitted).all() else np.full_like(fitted, np.nan)
        chosen = labelled.select("cluster").with_columns(threshold=pl.Series(fitted))
    # Null says that there is no threshold: polars counts nan as a value, and as the largest.
    return chosen.unique("cluster", maintain_order=True).fill_nan(None)


def _labelled(rows: Predictions, films: Films, calls: Calls) -> pl.DataFrame:
    """Rows with a label, one per film or per study; a study is positive if a view is."""
    labelled = rows.labelled().frame
    if calls.by == "image":
        return labelled
    # A film of an unknown study is a study of its own, whose name must not equal another study's.
    image = pl.format("image {}", "image_id")
    study = films.frame.select(
        "data",
        "image_id",
        study=pl.when(pl.col("study") == "").then(image).otherwise(pl.col("study")),
    )
    return (
        labelled.join(study, on=["data", "image_id"], how="left", maintain_order="left")
        .with_columns(image_id="study")
        .drop("study")
        .group_by("image_id", maintain_order=True)
        .agg(
            pl.exclude("label", "probability").first(),
            pl.col("label").any(),
            # A view without a finite probability leaves its study without one.
            pl.when(pl.col("probability").is_finite().all())
            # The maximum reaches a threshold exactly where the probability of any view does.
            .then(pl.col("probability").max())
            .otherwise(float("nan"))
            .alias("probability"),
        )
    )


def _point(
    labelled: pl.DataFrame, films: Films, clusters: Sequence[str], calls: Calls, level: float
) -> OperatingPoint | None:
    """The operating point of these rows; None where they have no threshold."""
    thresholds = labelled["threshold"].drop_nulls().unique(maintain_order=True)
    if not len(thresholds):
        return None
    target = calls.sensitivity
    words = f"sensitivity ≥ {target:g}" if target else "Youden's index"
    if calls.validation is not None:
        where = f"{words} on {calls.validation}"
    else:
        values = listed(f"{threshold:.3f}" for threshold in thresholds)
        halved = _halved(labelled, films)
        where = (
            f"{words}; each half of the {halved} judged at the threshold chosen on the other half"
            f" ({values}; the table shows their mean)"
        )
    positive = called(labelled["probability"].to_numpy(), labelled["threshold"].to_numpy())
    measured = rates(positive, labelled["label"].to_numpy(), clusters, level)
    return OperatingPoint(
        float(np.mean(thresholds.to_numpy())),
        where,
        measured.sensitivity,
        measured.specificity,
        measured.ppv,
        measured.npv,
    )


def _halved(labelled: pl.DataFrame, films: Films) -> str:
    """What was divided into halves: patients, or films where patients are unknown."""
    behind = films.frame.join(
        labelled.select("data", "cluster"), on=["data", "cluster"], how="semi"
    )
    unknown = behind["patient"].null_count()
    if not unknown:
        return "patients"
    return "films" if unknown == len(behind) else "patients and films of unknown patients"
