"""Choices: the values of tuned options that did best on the tuning films.

For each method and finding, the candidate with the best mean score is chosen, against the reader
who counts.  Controls choose like methods.  A metric of data sets needs probabilities, and a control
has none: it takes those of the first model.
"""

from collections.abc import Iterator, Mapping, Sequence

from heatproof.analysis.detections import of_dataset
from heatproof.localize import DatasetMetric, Metric, lower_is_better
from heatproof.localize.tuned import Candidate
from heatproof.maps.tuning import TunedValue, tunable
from heatproof.tables.films import Films
from heatproof.tables.predictions import Predictions
from heatproof.tables.scores import Scores


def choices(
    candidates: Sequence[Candidate],
    metrics: Mapping[str, Metric],
    scores: Scores,
    predictions: Predictions,
    films: Films,
) -> Iterator[TunedValue]:
    """The choice for each model, method, finding and metric, where one is defined.

    Args:
        candidates: The candidates that the tuning films were scored by.
        metrics: The metrics with a tuned option, by spec.
        scores: Scores of the tuning films; column ``metric`` holds the names of candidates.
        predictions: Predictions on the tuning films.
        films: The tuning films.
    """
    counted = scores.of_reader(films.counting())
    for (data, model, method, finding), maps in counted.by("data", "model", "method", "finding"):
        of_model = predictions.of_model(model)
        for spec in dict.fromkeys(candidate.spec for candidate in candidates):
            part = tunable(metrics[spec])
            means = {
                candidate.value: _mean(candidate, maps, of_model, films)
                for candidate in candidates
                if candidate.spec == spec
            }
            value = part.choose(means, finding) if part else None
            if value is not None:
                yield TunedValue(
                    *(data, model, method, spec, finding, value),
                    score=abs(means[value]),  # means of distances were negated, see below
                    cases=maps.films_marked(),
                )


def _mean(candidate: Candidate, maps: Scores, predictions: Predictions, films: Films) -> float:
    """The mean score by a candidate, negated where lower is better; nan where undefined."""
    tried, metric = maps.where(metric=candidate.name), candidate.metric
    if isinstance(metric, DatasetMetric):
        return of_dataset(metric, tried, predictions, films)
    # polars skips null in a mean, but a single nan would make the mean nan.
    mean = tried.frame["value"].fill_nan(None).mean()
    sign = -1 if lower_is_better(metric) else 1
    return sign * mean if isinstance(mean, float) else float("nan")
