"""Detections: the films of a data set and one finding, as metrics of data sets take them.

A film counts where a region is marked, or where the label says that the finding is absent.  A film
that has the finding by its label, but no region, could be neither hit nor missed.
"""

import numpy as np
import polars as pl

from heatproof.localize import DatasetMetric, Detections
from heatproof.localize.controls import HUMAN_BENCHMARK
from heatproof.tables.films import Films
from heatproof.tables.predictions import Predictions
from heatproof.tables.scores import Scores


def of_dataset(
    metric: DatasetMetric, maps: Scores, predictions: Predictions, films: Films
) -> float:
    """A metric of data sets of one method, finding and reader, without an interval.

    Args:
        metric: The metric, specialized to the finding.
        maps: Scores of that method, finding and reader by this metric.
        predictions: Predictions of the model; their probabilities rank the films.
        films: The films of the data set.

    Returns:
        The value; nan without scores, or where it is undefined.
    """
    if not len(maps):
        return float("nan")
    counting = films_that_count(maps, predictions, films)
    return float(metric.of_dataset(detections(counting, maps), np.ones((1, len(counting))))[0])


def films_that_count(maps: Scores, predictions: Predictions, films: Films) -> pl.DataFrame:
    """One row per film that counts for one finding and reader.

    Args:
        maps: Scores of one finding and reader of one data set.
        predictions: Predictions of one model.
        films: The films of that data set, or of all.

    Returns:
        The columns of ``Predictions``, and ``regions``, ``annotated`` and ``agreed`` as in
        ``Detections``.
    """
    data, finding, reader = (str(maps.frame[name][0]) for name in ("data", "finding", "reader"))
    marked = maps.marked().frame.group_by("image_id").agg(pl.col("regions").first())
    # Probabilities rank the films, so a film without a finite one cannot count.
    probable = predictions.where(pl.col("probability").is_finite(), data=data, finding=finding)
    # A left join keeps films without marks, among which are the films without the finding.
    rows = probable.frame.join(marked, on="image_id", how="left", maintain_order="left")
    # An unknown label counts as present here, so that it never makes a film a negative.
    rows = rows.filter(pl.col("regions").is_not_null() | ~pl.col("label").fill_null(True))
    here = films.where(data=data)
    marks = dict(zip(here.frame["image_id"], here.marked_by(), strict=True))
    readers = {(name, by) for pairs in marks.values() for name, by in pairs if name == finding}
    pairs_of = [marks[image_id] for image_id in rows["image_id"]]
    return rows.with_columns(
        pl.col("regions").fill_null(0).cast(pl.Int64),
        pl.Series(
            "annotated", [any(by == reader for _, by in pairs) for pairs in pairs_of], pl.Boolean
        ),
        pl.Series("agreed", [readers <= pairs for pairs in pairs_of], pl.Boolean),
    )


def detections(films: pl.DataFrame, maps: Scores) -> Detections:
    """The detections of one method on the films that count (``films_that_count``)."""
    # A film without a scored map keeps a row of nan, so that rows match films and weights.
    numbers = [row or () for row in of_films(films, maps)["seen"].to_list()]
    # Lists of different lengths become one array, padded with nan.
    seen = np.full((len(numbers), max([1, *map(len, numbers)])), np.nan)
    for row, values in zip(seen, numbers, strict=True):
        row[: len(values)] = values
    probabilities = films["probability"].to_numpy()
    # Readers looked at every film themselves, so no probability decides which films count.
    if maps.frame["method"].eq(HUMAN_BENCHMARK).all():
        probabilities = np.ones_like(probabilities)
    return Detections(
        seen,
        films["regions"].to_numpy(),
        probabilities,
        films["annotated"].to_numpy(),
        films["agreed"].to_numpy(),
    )


def of_films(films: pl.DataFrame, maps: Scores) -> pl.DataFrame:
    """The films, each with ``value`` and ``seen`` of its map; null where it has none."""
    measured = maps.frame.select("image_id", "value", "seen")
    return films.join(measured, on="image_id", how="left", maintain_order="left")
