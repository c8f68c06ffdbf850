"""Metrics of data sets that are means over films have a value of every film, by the definition."""

import numpy as np
import pytest

from heatproof.analysis.filmwise import one_by_one
from heatproof.localize import metrics
from heatproof.localize.controls import HUMAN_BENCHMARK as READERS
from heatproof.localize.controls import PRIOR
from heatproof.localize.tuned import TunedMetrics
from heatproof.maps.tuning import TunedValue
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

TOLD = {
    "called": (True, 0.9),
    "uncalled": (True, 0.2),
    "negative": (False, 0.8),
    "rest": (False, 0.1),
}
KNOWN = Films.of_rows(
    films({name: [("Edema", "reference")] * bool(label) for name, (label, _) in TOLD.items()})
)
PIXELS = {  # pixels that both mark, that the map marks, and that the reader marks
    "called": (4.0, 8.0, 6.0), "uncalled": (5.0, 5.0, 5.0),
    "negative": (0.0, 3.0, 0.0), "rest": (0.0, 3.0, 0.0),
}  # fmt: skip
MIOU = "miou(cutoff=0.3)"


def seen(make=scores, *name, **same):
    regions = [{"regions": int(bool(TOLD[film][0]))} for film in PIXELS]
    rows = make(*name, PIXELS, metric=same.pop("metric", MIOU), **same)
    return [row | count for row, count in zip(rows, regions, strict=True)]


def values(rows, parts):
    told = Predictions.of_rows(predictions(TOLD))
    return one_by_one(Scores.of_rows(rows), told, KNOWN, parts)


def test_a_film_that_is_not_called_counts_with_0_where_it_has_the_finding():
    table = values(seen(), measures(MIOU))
    found = dict(table.frame.select("image_id", "value").iter_rows())
    assert found == pytest.approx(
        {"called": 4 / 10, "uncalled": 0, "negative": 0, "rest": NAN}, nan_ok=True
    )
    [metric] = measures(MIOU).parts.values()
    assert np.nanmean(list(found.values())) == pytest.approx((4 / 10 + 0 + 0) / 3)
    assert metric.cutoff == 0.3


def test_readers_call_every_film_and_other_controls_have_no_values():
    rows = [*seen(), *seen(control, READERS), *seen(control, PRIOR)]
    table = values(rows, measures(MIOU))
    assert set(table.frame["method"]) == {"cam", READERS}
    read = dict(table.of_control(READERS).frame.select("image_id", "value").iter_rows())
    assert read == pytest.approx({"called": 4 / 10, "uncalled": 1, "negative": 0, "rest": 0})


def test_metrics_of_maps_are_as_they_were_and_others_of_data_sets_are_gone():
    parts = measures("iou", MIOU, "pointwise_ap")
    iou = scores({"called": 0.4, "uncalled": 0.7})
    rows = [*seen(), *iou, *control(PRIOR, {"called": 0.1}), *seen(metric="pointwise_ap")]
    table = values(rows, parts)
    kept = table.where(metric="iou")
    assert kept.frame.equals(Scores.of_rows([*iou, *control(PRIOR, {"called": 0.1})]).frame)
    assert set(table.frame["metric"]) == {"iou", MIOU}


def test_each_reader_is_asked_about():
    rows = [*seen(), *seen(reader="other")]
    table = values(rows, measures(MIOU))
    assert table.frame.group_by("reader").len().sort("reader").rows() == [
        ("other", 4), ("reference", 4),
    ]  # fmt: skip


def test_the_cut_off_is_the_one_chosen_for_the_method():
    spec = "miou(tune='yes')"
    choice = TunedValue("val", "net", "cam", spec, "Edema", 0.0, 0.5, 3)
    table = values(seen(metric=spec), TunedMetrics(metrics.parts([spec]), (choice,)))
    found = dict(table.frame.select("image_id", "value").iter_rows())
    assert found == pytest.approx({"called": 4 / 10, "uncalled": 1, "negative": 0, "rest": 0})
