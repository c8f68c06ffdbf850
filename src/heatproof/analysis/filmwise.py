"""Scores of single films by metrics of data sets that are means over films, such as ``miou``.

There the value of a film depends on the model's probability too: films that the model does not call
count with 0, or not at all.  With these values such a metric is asked the same questions as metrics
of maps: why maps fail, and how far they are from readers.  Of the controls only the human benchmark
has such values, since the others have no probabilities of their own.
"""

from collections.abc import Iterator

import polars as pl

from heatproof.analysis.detections import detections, films_that_count
from heatproof.localize import DatasetMetric, MeanOverFilms, specialize
from heatproof.localize.controls import HUMAN_BENCHMARK
from heatproof.localize.tuned import TunedMetrics
from heatproof.tables.films import Films
from heatproof.tables.predictions import Predictions
from heatproof.tables.scores import NO_MODEL, Scores


def one_by_one(
    scores: Scores, predictions: Predictions, films: Films, metrics: TunedMetrics
) -> Scores:
    """The scores that have one value per film: of metrics of maps, and of means over films.

    Args:
        scores: Of maps and controls.
        predictions: Of every model that made maps.
        films: Of every data set.
        metrics: By which the maps were scored.
    """
    whole = [spec for spec, part in metrics.parts.items() if isinstance(part, DatasetMetric)]
    of_maps = scores.where(~pl.col("metric").is_in(whole))
    means = _means(scores, predictions, films, metrics)
    return Scores(pl.concat([of_maps.frame, *means]))


def _means(
    scores: Scores, predictions: Predictions, films: Films, metrics: TunedMetrics
) -> Iterator[pl.DataFrame]:
    specs = [spec for spec, part in metrics.parts.items() if isinstance(part, MeanOverFilms)]
    has_calls = (pl.col("model") != NO_MODEL) | (pl.col("method") == HUMAN_BENCHMARK)
    rows = scores.where(pl.col("metric").is_in(specs), has_calls)
    keys = ("data", "model", "method", "metric", "finding", "reader")
    for (data, model, method, spec, finding, _), maps in rows.by(*keys):
        of_model = predictions.where(data=data).of_model(model)
        part = specialize(metrics.of(model, method)[spec], finding)
        counting = films_that_count(maps, of_model, films)
        if isinstance(part, MeanOverFilms):
            values = counting.select("image_id").with_columns(
                value=pl.Series(part.per_film(detections(counting, maps)), dtype=pl.Float64)
            )
            yield (
                maps.frame.drop("value")
                .join(values, on="image_id", how="left", maintain_order="left")
                .with_columns(pl.col("value").fill_null(float("nan")))
                .select(maps.frame.columns)
            )
