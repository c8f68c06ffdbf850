"""Who calls a film positive, from which probability on, and what that gives: counted by hand."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from heatproof.analysis.classification import Calls, classification, with_thresholds
from tests.analysis.made_up import NAN, QUICK, Called, Films, Predictions, films, predictions

NO_FILMS = Films.of_rows([])
JUDGED = [("films", "net")]


def drawn(count=40, seed=0, data="films", **same):
    """Two films per patient; labels and probabilities by chance, a label now and then unknown."""
    generator = np.random.default_rng(seed)
    labels = [None if i % 10 == 9 else bool(generator.random() < 0.5) for i in range(count)]
    values = [float(generator.random() + (label is True)) / 2 for label in labels]
    told = {f"{data}{i}": pair for i, pair in enumerate(zip(labels, values, strict=True))}
    rows = predictions(told, data=data, **same)
    return [row | {"cluster": f"{data} patient {i // 2}"} for i, row in enumerate(rows)]


def is_best(threshold, rows):
    """Whether no probability of these films as threshold has a higher Youden's index."""
    known = [row for row in rows if row["label"] is not None]

    def index(threshold):
        positive, negative = (
            np.mean([row["probability"] >= threshold for row in known if row["label"] is label])
            for label in (True, False)
        )
        return positive - negative

    return index(threshold) == max(index(row["probability"]) for row in known)


def test_each_half_of_the_patients_is_called_at_the_threshold_of_the_other():
    rows = drawn()
    called = with_thresholds(Predictions.of_rows(rows), NO_FILMS, Calls())
    assert called.frame.drop("threshold").equals(Predictions.of_rows(rows).frame)
    thresholds = called.frame["threshold"].unique().to_list()
    assert len(thresholds) == 2
    of_patient = called.frame.group_by("cluster").n_unique()
    assert of_patient["threshold"].max() == 1
    for ours, theirs in (thresholds, thresholds[::-1]):
        other_half = called.frame.filter(threshold=theirs).rows(named=True)
        assert is_best(ours, other_half)


def test_validation_films_choose_one_threshold_for_all():
    tuning = drawn(data="tuning", seed=1)
    rows = Predictions.of_rows([*drawn(), *tuning, *drawn(model="other", data="tuning", seed=2)])
    called = with_thresholds(rows, NO_FILMS, Calls(validation="tuning"))
    [threshold] = called.where(data="films").frame["threshold"].unique()
    assert is_best(threshold, tuning)
    [record] = classification(called, NO_FILMS, JUDGED, Calls("tuning"), QUICK)
    assert record.point.chosen_on == "Youden's index on tuning"
    assert record.point.threshold == threshold


def test_a_sensitivity_may_be_asked_for_instead():
    tuning = drawn(data="tuning", seed=1)
    calls = Calls("tuning", sensitivity=0.9)
    called = with_thresholds(Predictions.of_rows([*drawn(), *tuning]), NO_FILMS, calls)
    [threshold] = called.frame["threshold"].unique()
    positives = np.array([row["probability"] for row in tuning if row["label"]])
    assert np.mean(positives >= threshold) >= 0.9
    higher = positives[positives >= threshold].min()
    assert np.mean(positives > higher) < 0.9
    [record] = classification(called, NO_FILMS, JUDGED, calls, QUICK)
    assert record.point.chosen_on == "sensitivity ≥ 0.9 on tuning"


def test_films_of_one_kind_have_no_threshold():
    rows = [row | {"label": True} for row in drawn()]
    called = with_thresholds(Predictions.of_rows(rows), NO_FILMS, Calls())
    assert called.frame["threshold"].is_null().all()
    assert len(called.positive()) == 0
    [record] = classification(called, NO_FILMS, JUDGED, Calls(), QUICK)
    assert record.point is None
    assert np.isnan(record.auroc.value)
    assert len(with_thresholds(Predictions.of_rows([]), NO_FILMS, Calls())) == 0


def test_rates_are_those_of_the_films_that_are_called():
    called = with_thresholds(Predictions.of_rows(drawn()), NO_FILMS, Calls())
    [record] = classification(called, NO_FILMS, JUDGED, Calls(), QUICK)
    known = called.labelled().frame
    labels = known["label"].to_numpy()
    calls = (known["probability"] >= known["threshold"]).to_numpy()
    point = record.point
    assert (record.positives, record.negatives) == (labels.sum(), (~labels).sum())
    assert point.sensitivity.value == pytest.approx(calls[labels].mean())
    assert point.specificity.value == pytest.approx((~calls[~labels]).mean())
    assert point.ppv.value == pytest.approx(labels[calls].mean())
    assert point.npv.value == pytest.approx((~labels[~calls]).mean())
    assert set(called.positive().frame["image_id"]) == set(known.filter(calls)["image_id"])
    probabilities = known["probability"].to_numpy()
    assert record.auroc.value == pytest.approx(roc_auc_score(labels, probabilities))
    assert record.brier.value == pytest.approx(np.mean((probabilities - labels) ** 2))
    assert record.calibration


def test_other_models_and_data_only_choose_thresholds():
    rows = Predictions.of_rows([*drawn(), *drawn(model="other"), *drawn(data="tuning")])
    called = with_thresholds(rows, NO_FILMS, Calls())
    records = list(classification(called, NO_FILMS, JUDGED, Calls(), QUICK))
    assert [(record.dataset, record.model, record.finding) for record in records] == [
        ("films", "net", "Edema")
    ]


def test_a_study_has_what_a_view_of_it_has():
    """The highest probability of its views; a view without one leaves the study without one."""
    told = {
        "front": (True, 0.3), "side": (False, 0.9),  # of one study: present, at 0.9
        "alone": (False, 0.2), "again": (False, 0.4),  # of no study: each its own
        "dim": (True, 0.1), "dark": (None, 0.99),  # an unknown label is no view
        "odd": (False, NAN), "even": (False, 0.5),
    }  # fmt: skip
    study = {"front": "a", "side": "a", "dim": "b", "dark": "b", "odd": "c", "even": "c"}
    known = Films.of_rows(films(dict.fromkeys(told, ()), study={n: study.get(n, "") for n in told}))
    rows = Called.of_rows(row | {"threshold": 0.4} for row in predictions(told))
    calls = Calls(by="study", validation="tuning")
    [record] = classification(rows, known, JUDGED, calls, QUICK)
    assert record.by == "study"
    assert (record.positives, record.negatives) == (2, 3)  # a and b; alone, again and c
    labels, probabilities = [True, True, False, False], [0.9, 0.1, 0.2, 0.4]
    assert record.brier.cases == 4
    assert record.brier.value == pytest.approx(
        np.mean((np.array(probabilities) - np.array(labels)) ** 2)
    )
    assert record.point.sensitivity.value == 0.5
    assert record.point.specificity.value == 0.5
    [films_alone] = classification(rows, known, JUDGED, replace(calls, by="image"), QUICK)
    assert (films_alone.positives, films_alone.negatives) == (2, 5)


def test_few_positives_have_values_and_no_intervals():
    called = with_thresholds(Predictions.of_rows(drawn()), NO_FILMS, Calls())
    [record] = classification(called, NO_FILMS, JUDGED, Calls(), QUICK)
    many = replace(QUICK, min_positives=record.positives)
    assert [record] == list(classification(called, NO_FILMS, JUDGED, Calls(), many))
    few = replace(QUICK, min_positives=record.positives + 1)
    [described] = classification(called, NO_FILMS, JUDGED, Calls(), few)
    for before, after in (
        (record.auroc, described.auroc),
        (record.point.ppv, described.point.ppv),
        (record.calibration[0].observed, described.calibration[0].observed),
    ):
        assert after.value == before.value
        assert np.isnan([after.low, after.high]).all()
        assert np.isfinite([before.low, before.high]).all()
