"""Which films count for a metric of data sets, and what is known of them."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from heatproof.analysis.detections import detections, films_that_count, of_dataset, of_films
from heatproof.localize.made_without import READERS
from tests.analysis.made_up import (
    NAN,
    Films,
    Predictions,
    Scores,
    control,
    films,
    measures,
    predictions,
    scores,
)  # fmt: skip

MARKS = {
    "marked": [("Edema", "reference"), ("Edema", "other")],
    "marked by one": [("Edema", "reference")],
    "absent": [],
    "absent, another finding marked": [("Mass", "reference")],
    "present, and nowhere marked": [],
    "uncertain": [],
    "without a probability": [("Edema", "reference")],
    "marked by the other": [("Edema", "other")],
}
FILMS = Films.of_rows([*films(MARKS), *films({"marked": []}, data="elsewhere")])
TOLD = Predictions.of_rows(
    predictions(
        {
            "marked": (True, 0.9),
            "marked by one": (False, 0.6),  # a mark counts, whatever the label
            "absent": (False, 0.7),
            "absent, another finding marked": (False, 0.2),
            "present, and nowhere marked": (True, 0.8),
            "uncertain": (None, 0.5),
            "without a probability": (True, NAN),
            "marked by the other": (True, 0.3),
        }
    )
)
MAPS = Scores.of_rows(
    [
        *scores({"marked": (1.0, 2.0)}, metric="m", regions=2),
        *scores({"marked by one": (0.0,), "without a probability": (1.0,)}, metric="m"),
        *scores({"absent": (0.5,)}, metric="m", regions=0),
    ]
)


def test_films_are_marked_or_known_to_be_without():
    counting = films_that_count(MAPS, TOLD, FILMS)
    rows = counting.select("image_id", "regions", "annotated", "agreed").rows()
    assert rows == [
        ("marked", 2, True, True),
        ("marked by one", 1, True, False),  # the other reader marked the finding elsewhere
        ("absent", 0, False, False),
        ("absent, another finding marked", 0, True, False),
    ]


def test_what_was_seen_stands_beside_the_probability_of_the_film():
    counting = films_that_count(MAPS, TOLD, FILMS)
    seen = detections(counting, MAPS)
    np.testing.assert_array_equal(seen.seen, [[1, 2], [0, NAN], [0.5, NAN], [NAN, NAN]])
    assert seen.probabilities.tolist() == [0.9, 0.6, 0.7, 0.2]
    assert seen.regions.tolist() == [2, 1, 0, 0]
    values = of_films(counting, MAPS)["value"].to_list()
    assert values == [1, 0, 0.5, None]


def test_readers_call_every_film():
    """No classifier stands behind them."""
    read = Scores.of_rows(control(READERS, {"marked": (1.0,)}, metric="m"))
    assert set(detections(films_that_count(MAPS, TOLD, FILMS), read).probabilities) == {1.0}


def test_a_metric_of_data_sets_ranks_the_films_by_their_probability():
    """Without misses the pointwise average precision is that of the classifier."""
    [metric] = measures("pointwise_ap").parts.values()
    hits = Scores.of_rows(scores({"marked": (1.0,), "marked by one": (1.0,)}, metric="m"))
    expected = average_precision_score([1, 1, 0, 0], [0.9, 0.6, 0.7, 0.2])
    assert of_dataset(metric, hits, TOLD, FILMS) == pytest.approx(expected)
    assert np.isnan(of_dataset(metric, Scores.of_rows([]), TOLD, FILMS))
