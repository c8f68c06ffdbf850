"""Where a model or its maps fail, film by film: what a reader study would start from.

Two lists: films that the classifier calls without reason (false positives), and films that it calls
rightly while the region of a map misses every marked region (true positives, by method).  Calls are
those of the operating point; regions those of the first metric that compares them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from heatproof.localize import Metric, regions_overlap


@dataclass(frozen=True)
class Failure:
    """A film on which the model, or a map of it, fails.

    Attributes:
        kind: In words, such as ``"false positive"``.
        threshold: Called from this probability on.
        method: Whose map it is; empty where it is the model alone.
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


_FILM = ["data", "group", "image_id", "finding"]


def failures(
    metrics: Mapping[str, Metric], predictions: pl.DataFrame, scores: pl.DataFrame
) -> Iterator[Failure]:
    """Both lists; ``predictions`` have their thresholds."""
    columns = [*_FILM, "probability", "threshold"]
    for row in _called(predictions).filter(~pl.col("label")).select(columns).iter_rows():
        data, group, image_id, finding, probability, threshold = row
        yield Failure(FALSE_POSITIVE, data, group, finding, image_id, probability, threshold)
    for row in missed(metrics, predictions, scores).select(*columns, "method").iter_rows():
        data, group, image_id, finding, probability, threshold, method = row
        yield Failure(MISSED, data, group, finding, image_id, probability, threshold, method)


def missed(
    metrics: Mapping[str, Metric], predictions: pl.DataFrame, scores: pl.DataFrame
) -> pl.DataFrame:
    """True positives, and the methods whose region shares no pixel with any that is marked."""
    compared = (spec for spec, part in metrics.items() if regions_overlap(part))
    spec = next(compared, "")  # without any, nothing is known to be missed
    zero = (
        scores.filter(
            (pl.col("metric") == spec) & (pl.col("regions") > 0) & (pl.col("group") != "")
        )
        .group_by([*_FILM, "method"], maintain_order=True)
        .agg(pl.col("value").max())
        .filter(pl.col("value") == 0)
    )
    return (
        _called(predictions)
        .filter(pl.col("label"))
        .join(zero.drop("value"), on=_FILM, maintain_order="left")
    )


def _called(predictions: pl.DataFrame) -> pl.DataFrame:
    known = pl.col("label").is_not_null() & pl.col("probability").is_finite()
    return predictions.filter(known & (pl.col("probability") >= pl.col("threshold")))
