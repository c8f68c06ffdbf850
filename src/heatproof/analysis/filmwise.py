"""Scores of single films by metrics of data sets that are means over films, such as ``miou``.

There a film's value depends on the model's probability too: films that it does not call count with
0, or not at all.  With these values such a metric is asked the same as metrics of maps: why maps
fail, and how far they are from readers.  Controls but for the human benchmark are left out, since
they have no probabilities of their own.
"""

from collections.abc import Iterator

import polars as pl

from heatproof.experiment.workspace import Workspace
from heatproof.localize import DatasetMetric, MeanOverFilms, specialize
from heatproof.localize.controls import HUMAN_BENCHMARK
from heatproof.stages.detections import detections_of


def one_by_one(work: Workspace, scores: pl.DataFrame, predictions: pl.DataFrame) -> pl.DataFrame:
    """The rows that have one value per film: of metrics of maps, and of such means.

    Args:
        work: The experiment.
        scores: One row per map, reader and metric.
        predictions: One row per film and finding.
    """
    whole = [spec for spec, part in work.metrics.items() if isinstance(part, DatasetMetric)]
    maps = scores.filter(~pl.col("metric").is_in(whole))
    return pl.concat([maps, *_means(work, scores, predictions)])


def _means(
    work: Workspace, scores: pl.DataFrame, predictions: pl.DataFrame
) -> Iterator[pl.DataFrame]:
    specs = [spec for spec, part in work.metrics.items() if isinstance(part, MeanOverFilms)]
    asked = scores.filter(
        pl.col("metric").is_in(specs)
        & ((pl.col("group") != "") | (pl.col("method") == HUMAN_BENCHMARK))
    )
    keys = ["data", "group", "method", "metric", "finding", "reference"]
    for (data, group, method, metric, finding, _), rows in asked.group_by(
        keys, maintain_order=True
    ):
        told = predictions.filter(data=data)
        told = told.filter(group=str(group) or told["group"][0])
        part = specialize(work.metrics_of(str(group), str(method))[str(metric)], str(finding))
        films, found = detections_of(work, rows, told)
        if isinstance(part, MeanOverFilms):
            values = films.select("image_id").with_columns(
                value=pl.Series(part.per_film(found), dtype=pl.Float64)
            )
            yield (
                rows.drop("value")
                .join(values, on="image_id", how="left", maintain_order="left")
                .with_columns(pl.col("value").fill_null(float("nan")))
                .select(rows.columns)
            )
