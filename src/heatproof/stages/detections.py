"""What the films of a data set say of one finding, for metrics of data sets."""

import numpy as np
import polars as pl

from heatproof.experiment.workspace import Workspace
from heatproof.localize import DatasetMetric, Detections
from heatproof.localize.controls import HUMAN_BENCHMARK


def of_dataset(
    work: Workspace, metric: DatasetMetric, maps: pl.DataFrame, predictions: pl.DataFrame
) -> float:
    """A metric of the maps of one method, finding and reader, without an interval.

    Args:
        work: The experiment.
        metric: Of one finding.
        maps: Rows of ``scores``.
        predictions: Of the model.
    """
    if maps.is_empty():
        return float("nan")
    films, found = detections_of(work, maps, predictions)
    return float(metric.of_dataset(found, np.ones((1, len(films))))[0])


def detections_of(
    work: Workspace, maps: pl.DataFrame, predictions: pl.DataFrame
) -> tuple[pl.DataFrame, Detections]:
    """The films that count, and what one method says of them; arguments as in ``of_dataset``."""
    data, finding, reference = (str(maps[name][0]) for name in ("data", "finding", "reference"))
    films = _films(work, predictions.filter(data=data), maps, finding, reference)
    return films, _detections(films, maps)


def _detections(films: pl.DataFrame, maps: pl.DataFrame) -> Detections:
    seen = [row or () for row in _joined(films, maps)["seen"].to_list()]
    padded = np.full((len(seen), max([1, *map(len, seen)])), np.nan)
    for row, numbers in zip(padded, seen, strict=True):
        row[: len(numbers)] = numbers
    probabilities = films["probability"].to_numpy()
    if maps["method"].eq(HUMAN_BENCHMARK).all():  # no classifier calls a film for them
        probabilities = np.ones_like(probabilities)
    return Detections(
        padded,
        films["regions"].to_numpy(),
        probabilities,
        films["annotated"].to_numpy(),
        films["agreed"].to_numpy(),
    )


def _joined(films: pl.DataFrame, maps: pl.DataFrame) -> pl.DataFrame:
    told = maps.select("image_id", "value", "seen")
    return films.join(told, on="image_id", how="left", maintain_order="left")


def _films(
    work: Workspace, predictions: pl.DataFrame, maps: pl.DataFrame, finding: str, reference: str
) -> pl.DataFrame:
    """The films that count: those with a marked region, and those that are labelled negative.

    A film that has the finding, by its label, but no region could be neither hit nor missed.
    """
    marked = maps.filter(pl.col("regions") > 0).group_by("image_id").agg(pl.col("regions").first())
    films = predictions.filter(
        (pl.col("finding") == finding) & pl.col("probability").is_finite()
    ).join(marked, on="image_id", how="left", maintain_order="left")
    films = films.filter(pl.col("regions").is_not_null() | ~pl.col("label").fill_null(True))
    drawn: dict[str, set[tuple[str, str]]] = {}
    for name in films["data"].unique():
        for sample in work.data[name].samples:
            marks = (*sample.annotations, *sample.benchmark)
            drawn[sample.image_id] = {(mark.finding, mark.source) for mark in marks}
    readers = {(f, source) for pairs in drawn.values() for f, source in pairs if f == finding}
    own = [drawn[image_id] for image_id in films["image_id"]]
    return films.with_columns(
        pl.col("regions").fill_null(0).cast(pl.Int64),
        pl.Series(
            "annotated", [any(s == reference for _, s in pairs) for pairs in own], pl.Boolean
        ),
        pl.Series("agreed", [readers <= pairs for pairs in own], pl.Boolean),
    )
