"""How well a classifier classifies, against scikit-learn and by definition."""

import gzip
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, roc_auc_score

from heatproof.stats import bootstrap
from heatproof.stats.classification import auroc, rates

cases = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=30)


def each(count: int) -> list[str]:
    return [str(index) for index in range(count)]


def split(rows: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([p for p, _ in rows]) / 6, np.array([y for _, y in rows])


@given(cases)
@settings(max_examples=50)
def test_auroc_equals_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    probabilities, labels = split(rows)
    found = auroc(probabilities, labels, each(len(rows)), resamples=20)
    if labels.all() or not labels.any():
        assert math.isnan(found.value)
        assert "one class" in found.method
    else:
        assert found.value == pytest.approx(roc_auc_score(labels, probabilities), abs=1e-12)
        assert math.isnan(found.low) or found.low <= found.high
    assert found.cases == len(rows)


def test_replicates_of_auroc_are_those_of_resampled_patients() -> None:
    generator = np.random.default_rng(0)
    labels = generator.random(40) < 0.4
    probabilities = np.round(generator.random(40) + 0.3 * labels, 1)
    patients = [str(index // 2) for index in range(40)]
    [drawn] = bootstrap.draws(20, 100, seed=4)
    by_hand = []
    for row in drawn:
        chosen = [
            2 * p + i for p, count in enumerate(row) for i in (0, 1) for _ in range(int(count))
        ]
        by_hand.append(roc_auc_score(labels[chosen], probabilities[chosen]))
    found = auroc(probabilities, labels, patients, resamples=100, seed=4)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(by_hand, [0.025, 0.975])))


def test_images_without_a_probability_are_left_out() -> None:
    generator = np.random.default_rng(0)
    labels, probabilities = generator.random(30) < 0.5, generator.random(30)
    some = probabilities.copy()
    some[::3] = np.nan
    kept = np.isfinite(some)
    found = auroc(some, labels, each(30))
    assert found.cases == 20
    assert found.value == pytest.approx(roc_auc_score(labels[kept], probabilities[kept]))


@pytest.mark.parametrize("turned", [False, True])
def test_a_perfect_classifier_still_has_an_uncertain_auroc(turned: bool) -> None:
    labels = np.arange(40) < 20
    found = auroc(1.0 * (labels ^ turned), labels, each(40))
    ends = (1 - found.high, 1 - found.low) if turned else (found.low, found.high)
    assert ends[1] == 1
    assert 0.83 < ends[0] < 0.99
    fewer = auroc(1.0 * labels, labels, [str(index % 10) for index in range(40)])
    assert fewer.low < ends[0]


def test_a_single_patient_makes_no_interval() -> None:
    found = auroc(np.array([0.1, 0.7, 0.4]), np.array([False, True, True]), ["a"] * 3)
    assert found.value == 1
    assert math.isnan(found.low)


@given(cases, st.integers(0, 7))
@settings(max_examples=50)
def test_rates_equal_the_confusion_matrix(rows: list[tuple[int, bool]], threshold: int) -> None:
    probabilities, labels = split(rows)
    called = (probabilities >= threshold / 6).astype(float)
    found = rates(called, labels, each(len(rows)))
    tn, fp, fn, tp = confusion_matrix(labels, called == 1, labels=[False, True]).ravel()
    for estimate, hits, n in (
        (found.sensitivity, tp, tp + fn),
        (found.specificity, tn, tn + fp),
        (found.ppv, tp, tp + fp),
        (found.npv, tn, tn + fn),
    ):
        assert estimate.cases == n
        assert estimate.value == pytest.approx(hits / n if n else math.nan, nan_ok=True)


@given(cases)
@settings(max_examples=50)
def test_swapping_classes_swaps_rates(rows: list[tuple[int, bool]]) -> None:
    probabilities, labels = split(rows)
    called = (probabilities >= 0.5).astype(float)
    assume(labels.any() and not labels.all() and 0 < called.sum() < len(called))
    one, other = (
        rates(c, y, each(len(rows))) for c, y in ((called, labels), (1 - called, ~labels))
    )
    assert (one.sensitivity, one.ppv) == (other.specificity, other.npv)
    assert (one.specificity, one.npv) == (other.sensitivity, other.ppv)


def test_images_that_were_not_called_are_left_out() -> None:
    called, labels = np.array([1, 0, np.nan, np.nan]), np.array([True, True, True, False])
    found = rates(called, labels, each(4))
    assert (found.sensitivity.value, found.sensitivity.cases) == (0.5, 2)
    assert found.specificity.cases == 0
    assert math.isnan(found.specificity.value)


def test_real_predictions_for_11_366_films(shared_data: Path) -> None:
    file = shared_data / "chexnet_predictions" / "preds_with_labels.csv.gz"
    rows = pl.read_csv(gzip.decompress(file.read_bytes()))
    patients = [str(number) for number in rows["Patient ID"]]
    for label in ("Hernia", "Infiltration"):  # the rarest and the commonest
        told, truth = rows[f"prob_{label}"].to_numpy(), rows[f"true_{label}"].to_numpy() > 0
        found = auroc(told, truth, patients, resamples=100)
        assert found.value == pytest.approx(roc_auc_score(truth, told), abs=1e-12)
        assert found.low < found.value < found.high
        assert f"bootstrap of {len(set(patients))} clusters" in found.method


def test_the_areas_printed_for_all_14_labels_are_those_of_films_like_these(
    shared_data: Path,
) -> None:
    """CheXNet's reimplementation: its printed areas are of another draw of NIH's test films.

    They are up to .019 away from those of the predictions that it ships (Cardiomegaly).
    """
    folder = shared_data / "chexnet_predictions"
    rows = pl.read_csv(gzip.decompress((folder / "preds_with_labels.csv.gz").read_bytes()))
    printed = dict(pl.read_csv(folder / "aucs.csv").iter_rows())
    patients = [str(number) for number in rows["Patient ID"]]
    held = 0
    for label, area in printed.items():
        told, truth = rows[f"prob_{label}"].to_numpy(), rows[f"true_{label}"].to_numpy() > 0
        found = auroc(told, truth, patients, resamples=50)
        assert found.value == pytest.approx(roc_auc_score(truth, told), abs=1e-12)
        assert found.value == pytest.approx(area, abs=0.019)
        held += found.low <= area <= found.high
    assert (len(printed), held) >= (14, 13)
