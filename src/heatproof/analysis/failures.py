"""Failures: films on which a model or its maps fail, for a reader study to start from.

There are two lists: films that the classifier calls positive although they are not (false
positives), and films that it calls positive rightly while the region of a map misses every marked
region (by method).  Calls are those of the operating point; a region is missed where the first
metric that compares regions is 0.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from heatproof.localize import Metric, regions_overlap
from heatproof.tables.predictions import Called
from heatproof.tables.scores import Scores


@dataclass(frozen=True)
class Failure:
    """A film on which the model, or a map of it, fails.

    Attributes:
        kind: ``FALSE_POSITIVE`` or ``MISSED``, words for people.
        threshold: The probability from which on the film is called positive.
        method: Spec of the method whose map fails; empty: the model fails.
    """

    kind: str
    dataset: str
    model: str
    finding: str
    image_id: str
    probability: float
    threshold: float
    method: str = ""


FALSE_POSITIVE = "false positive"
MISSED = "true positive, region missed"
_FILM = ("data", "model", "image_id", "finding")


def failures(
    metrics: Mapping[str, Metric], predictions: Called, scores: Scores
) -> Iterator[Failure]:
    """The failures of both lists, the false positives first."""
    columns = [*_FILM, "probability", "threshold"]
    alone = predictions.positive().frame.filter(~pl.col("label"))
    for data, model, image_id, finding, probability, threshold in alone.select(columns).iter_rows():
        yield Failure(FALSE_POSITIVE, data, model, finding, image_id, probability, threshold)
    maps = missed(metrics, predictions, scores).select(*columns, "method")
    for data, model, image_id, finding, probability, threshold, method in maps.iter_rows():
        yield Failure(MISSED, data, model, finding, image_id, probability, threshold, method)


def missed(metrics: Mapping[str, Metric], predictions: Called, scores: Scores) -> pl.DataFrame:
    """Predictions that are true positives, with the methods whose region misses every mark."""
    compared = (spec for spec, part in metrics.items() if regions_overlap(part))
    spec = next(compared, "")  # without any, nothing is known to be missed
    zero = (
        scores.of_models()
        .marked()
        .where(metric=spec)
        .frame.group_by([*_FILM, "method"], maintain_order=True)
        .agg(pl.col("value").max())  # over readers: a region that one of them marked is no miss
        .filter(pl.col("value") == 0)
    )
    positive = predictions.positive().frame.filter(pl.col("label"))
    return positive.join(zero.drop("value"), on=_FILM, maintain_order="left")
