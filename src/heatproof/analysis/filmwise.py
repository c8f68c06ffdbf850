"""Scores of single films by metrics of data sets that are means over films, such as ``miou``.

The value of a film then depends on the probability by the model, too: films that the model does not
call positive count with 0, or not at all.  With one value per film such a metric can be diagnosed
and compared with readers as metrics of maps are.  Among the controls only the human benchmark has
such values, since the others have no probabilities of their own.
"""

from collections.abc import Iterator

import polars as pl

from heatproof.analysis.detections import detections, films_that_count
from heatproof.localize import DatasetMetric, MeanOverFilms, specialize
from heatproof.localize.controls import HUMAN_BENCHMARK
from heatproof.localize.tuned import TunedMetrics
from heatproof.tables.films import Films
from heatproof.tables.predictions import Predictions
from heatproof.tables.scores import Scores


def one_by_one(
    scores: Scores, predictions: Predictions, films: Films, metrics: TunedMetrics
) -> Scores:
    """The scores that have one value per film: of metrics of maps, and of means over films.

    Args:
        scores: Scores of maps and controls.
        predictions: Predictions of every model that made maps.
        films: The films of every data set.
        metrics: The metrics that the scores were measured by.
    """
    whole = [spec for spec, part in metrics.parts.items() if isinstance(part, DatasetMetric)]
    of_maps = scores.where(~pl.col("metric").is_in(whole))
    means = _means(scores, predictions, films, metrics)
    return Scores(pl.concat([of_maps.frame, *means]))


def _means(
    scores: Scores, predictions: Predictions, films: Films, metrics: TunedMetrics
) -> Iterator[pl.DataFrame]:
    specs = [spec for spec, part in metrics.parts.items() if isinstance(part, MeanOverFilms)]
    rows = scores.of_models_and(HUMAN_BENCHMARK).where(pl.col("metric").is_in(specs))
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
                # A film that does not count is undefined, which is nan; null would mean unknown.
                .with_columns(pl.col("value").fill_null(float("nan")))
                # ``pl.concat`` takes tables only if their columns have the same order.
                .select(maps.frame.columns)
            )
