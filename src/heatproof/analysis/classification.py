"""Predictions to estimates: how well each model tells each finding, and from which probability on.

Every film carries the threshold that it is called at, so that a table of rates and the pictures of
true and false positives speak of the same calls.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from heatproof.analysis.intervals import _described, resampling
from heatproof.experiment.workspace import Workspace
from heatproof.stages.blocks import Judged
from heatproof.stats import bootstrap
from heatproof.stats.calibration import calibration
from heatproof.stats.classification import auroc, rates
from heatproof.stats.operating_point import TargetSensitivity, Youden, called, cross_fitted
from heatproof.types import Estimate
from heatproof.words import listed


@dataclass(frozen=True)
class Bin:
    """One point of a calibration curve: mean probability, and share of positives with interval."""

    predicted: float
    observed: Estimate


@dataclass(frozen=True)
class OperatingPoint:
    """The probability from which a film is called positive, where it was chosen, and what it gives.

    Attributes:
        threshold: Called positive from this probability on.
        chosen_on: In words, such as ``"validation split, Youden's index"``.
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
        positives: Images (or studies) labelled present; those that are uncertain or unknown are in
            neither count.
        negatives: Labelled absent.
        auroc: nan unless there are both.
        brier: Mean squared distance between probability and label.
        point: None where no operating point was chosen.
        calibration: Empty where it was not computed.
        by: ``"image"``, or ``"study"`` where the views of a study count as one.
    """

    dataset: str
    model: str
    finding: str
    positives: int
    negatives: int
    auroc: Estimate
    brier: Estimate
    point: OperatingPoint | None = None
    calibration: tuple[Bin, ...] = ()
    by: str = "image"


_WHOSE = ("data", "group", "finding")


def with_thresholds(work: Workspace, predictions: pl.DataFrame) -> pl.DataFrame:
    """Predictions with a column ``threshold``; null where none could be chosen."""
    frames = [
        rows.join(_thresholds(work, predictions, rows), on="cluster", how="left")
        for _, rows in predictions.group_by(_WHOSE, maintain_order=True)
    ]
    unknown = pl.lit(None, pl.Float64).alias("threshold")
    return pl.concat(frames) if frames else predictions.with_columns(unknown)


def classification(
    work: Workspace, judged: Sequence[Judged], predictions: pl.DataFrame
) -> Iterator[Classification]:
    """Of every data set, group of models and finding; ``predictions`` have their thresholds."""
    explained = {(one.judging.films.name, one.judging.group) for one in judged if one.methods}
    for (data, group, finding), rows in predictions.group_by(_WHOSE, maintain_order=True):
        if (data, group) not in explained:
            continue  # films that only choose the operating point
        known = _classified(work, rows)
        labels, probabilities = known["label"].to_numpy(), known["probability"].to_numpy()
        drawn = resampling(work, known)
        clusters, level = drawn["clusters"], work.experiment.statistics.level
        curve = calibration(probabilities, labels, clusters, level=level) if len(known) else None
        found = Classification(
            dataset=str(data),
            model=str(group),
            finding=str(finding),
            positives=int(labels.sum()),
            negatives=int((~labels).sum()),
            auroc=auroc(probabilities, labels, **drawn),
            brier=bootstrap.mean((probabilities - labels) ** 2, **drawn),
            point=_point(work, known, clusters),
            calibration=tuple(Bin(part.probability, part.observed) for part in curve.bins)
            if curve
            else (),
            by=work.experiment.classification.by,
        )
        enough = found.positives >= work.experiment.statistics.min_positives
        yield found if enough else described_classification(found)


def _thresholds(work: Workspace, predictions: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """By cluster: the threshold of the validation data, or of the other half of the patients."""
    chosen = work.experiment.classification
    rule = TargetSensitivity(chosen.sensitivity) if chosen.sensitivity else Youden()
    if chosen.validation is not None:
        group, finding = rows["group"][0], rows["finding"][0]
        told = predictions.filter(data=chosen.validation, group=group, finding=finding)
        known = _classified(work, told)
        one = rule(known["probability"].to_numpy(), known["label"].to_numpy())
        found = rows.select("cluster").with_columns(threshold=pl.lit(one))
    else:
        known = _classified(work, rows)
        fitted = cross_fitted(
            known["probability"].to_numpy(),
            known["label"].to_numpy(),
            known["cluster"].to_list(),
            rule,
            work.experiment.statistics.seed,
        )
        # Rates of the half for which there is a threshold would not be those of the data set.
        fitted = fitted if np.isfinite(fitted).all() else np.full_like(fitted, np.nan)
        found = known.select("cluster").with_columns(threshold=pl.Series(fitted))
    return found.unique("cluster", maintain_order=True).fill_nan(None)


def _classified(work: Workspace, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with a label: of images, or of studies, which have the finding if a view has it."""
    known = rows.drop_nulls("label")
    if work.experiment.classification.by == "image":
        return known
    studies = {
        (name, sample.image_id): sample.study_id or f"image {sample.image_id}"
        for name in known["data"].unique()
        for sample in work.data[name].samples
    }
    named = [studies[key] for key in known.select("data", "image_id").iter_rows()]
    return (
        known.with_columns(pl.Series("image_id", named, pl.String))
        .group_by("image_id", maintain_order=True)
        .agg(
            pl.exclude("label", "probability").first(),
            pl.col("label").any(),
            # A view without a finite probability leaves its study without one.
            pl.when(pl.col("probability").is_finite().all())
            .then(pl.col("probability").max())
            .otherwise(float("nan"))
            .alias("probability"),
        )
    )


def _point(work: Workspace, known: pl.DataFrame, clusters: Sequence[str]) -> OperatingPoint | None:
    """What the calls give; None where there is no threshold."""
    thresholds = known["threshold"].drop_nulls().unique(maintain_order=True)
    if not len(thresholds):
        return None
    chosen = work.experiment.classification
    target = chosen.sensitivity
    words = f"sensitivity ≥ {target:g}" if target else "Youden's index"
    if chosen.validation is not None:
        where = f"{words} on {chosen.validation}"
    else:
        values = listed(f"{threshold:.3f}" for threshold in thresholds)
        where = (
            f"{words}; each half of the patients judged at the threshold chosen on the other half"
            f" ({values}; the table shows their mean)"
        )
    calls = called(known["probability"].to_numpy(), known["threshold"].to_numpy())
    labels, level = known["label"].to_numpy(), work.experiment.statistics.level
    found = rates(calls, labels, clusters, level)
    return OperatingPoint(
        float(np.mean(thresholds.to_numpy())),
        where,
        found.sensitivity,
        found.specificity,
        found.ppv,
        found.npv,
    )


def described_classification(one: Classification) -> Classification:
    """The same values, without intervals."""
    point = one.point
    return replace(
        one,
        **_described(one),
        point=None if point is None else replace(point, **_described(point)),
        calibration=tuple(replace(part, **_described(part)) for part in one.calibration),
    )
