"""How well a classifier classifies, against scikit-learn and by definition."""

import gzip
import math
from pathlib import Path
from statistics import NormalDist

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, roc_auc_score

from heatproof.stats.classification import TO_RANK, auroc, rates

cases = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=30)


def each(count: int) -> list[str]:
    return [str(index) for index in range(count)]


def split(rows: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([p for p, _ in rows]) / 6, np.array([y for _, y in rows])


@given(cases)
@settings(max_examples=50)
def test_auroc_equals_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    probabilities, labels = split(rows)
    found = auroc(probabilities, labels, each(len(rows)))
    if labels.all() or not labels.any():
        assert math.isnan(found.value)
        assert "one class" in found.method
    else:
        assert found.value == pytest.approx(roc_auc_score(labels, probabilities), abs=1e-12)
        assert math.isnan(found.low) or found.low <= found.high
    assert found.cases == len(rows)


def newcombe(area: float, positives: float, negatives: float) -> tuple[float, float]:
    """Method 5: the areas from which this one is 1.96 standard errors away, on a fine grid."""
    truth = np.linspace(0, 1, 2_000_001)
    q1, q2 = truth / (2 - truth), 2 * truth**2 / (1 + truth)
    m = (positives + negatives) / 2 - 1  # Hanley & McNeil with the mean of both numbers in place
    variance = truth * (1 - truth) + m * (q1 - truth**2) + m * (q2 - truth**2)
    allowed = (truth - area) ** 2 <= NormalDist().inv_cdf(0.975) ** 2 * variance / (
        positives * negatives
    )
    return float(truth[allowed][0]), float(truth[allowed][-1])


def drawn(seed: int, images: int, share: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = generator.random(images) < share
    return np.round(generator.random(images) + 0.3 * labels, 1), labels


@pytest.mark.parametrize("seed", range(4))
def test_the_interval_is_newcombes_of_as_many_images_as_patients_are_worth(seed: int) -> None:
    """The design effect from areas without each patient in turn, by scikit-learn."""
    probabilities, labels = drawn(seed, 60)
    patients = np.array([index // 3 for index in range(60)])
    if seed % 2:  # all images of a patient alike, so that they are worth less
        probabilities, labels = probabilities[3 * patients], labels[3 * patients]
        probabilities[::3] += 0.1
    area = roc_auc_score(labels, probabilities)
    without = np.array(
        [
            roc_auc_score(labels[patients != one], probabilities[patients != one])
            for one in range(20)
        ]
    )
    pseudo = 20 * area - 19 * without
    variance = pseudo.var(ddof=1) / 20
    m, n = labels.sum(), (~labels).sum()
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    believed = (
        area * (1 - area) + ((m + n) / 2 - 1) * (q1 - area**2 + q2 - area**2)
    ) / (m * n)  # fmt: skip
    worth = min(1.0, believed / variance)
    assert (worth < 1) or not seed % 2
    found = auroc(probabilities, labels, [f"p{one}" for one in patients])
    expected = newcombe(area, worth * m, worth * n)
    assert (found.low, found.high) == pytest.approx(expected, abs=2e-6)


def test_order_and_names_do_not_matter() -> None:
    probabilities, labels = drawn(0, 60)
    patients = [f"p{index // 2}" for index in range(60)]
    found = auroc(probabilities, labels, patients)
    order = np.random.default_rng(1).permutation(60)
    names = [patients[place][::-1] + "x" for place in order]
    moved = auroc(probabilities[order], labels[order], names)
    assert (moved.value, moved.low, moved.high) == pytest.approx(
        (found.value, found.low, found.high)
    )


@given(cases)
@settings(max_examples=50)
def test_scores_turned_around_mirror_it(rows: list[tuple[int, bool]]) -> None:
    probabilities, labels = split(rows)
    one, other = (auroc(p, labels, each(len(rows))) for p in (probabilities, 1 - probabilities))
    assert (other.value, other.low, other.high) == pytest.approx(
        (1 - one.value, 1 - one.high, 1 - one.low), abs=1e-6, nan_ok=True
    )
    assert math.isnan(one.low) or 0 <= one.low <= one.value <= one.high <= 1


def test_ten_patients_of_each_class_conclude_and_nine_do_not() -> None:
    for positives, hindrance in ((TO_RANK, ""), (TO_RANK - 1, "9 of the 10 patients of each")):
        labels = np.arange(60) < 2 * positives
        probabilities = np.random.default_rng(0).random(60)
        patients = [f"p{index // 2}" for index in range(60)]  # two films each
        found = auroc(probabilities, labels, patients)
        assert found.hindrance.startswith(hindrance)
        assert bool(found.hindrance) == bool(hindrance)
        assert math.isfinite(found.low)


@pytest.mark.parametrize("distance", [1.0, 2.5])
def test_twelve_positives_have_an_interval_that_holds(distance: float) -> None:
    """Normal scores; the truth is Phi(distance / sqrt 2), .76 and .96."""
    generator = np.random.default_rng(0)
    truth = NormalDist().cdf(distance / math.sqrt(2))
    labels, patients = np.arange(60) < 12, each(60)
    trials, missed = 600, {"low": 0, "high": 0}
    for _ in range(trials):
        found = auroc(generator.normal(size=60) + distance * labels, labels, patients)
        missed["low"] += found.high < truth
        missed["high"] += found.low > truth
    assert 0.01 < sum(missed.values()) / trials < 0.075
    assert max(missed.values()) / trials < 0.05


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
        found = auroc(told, truth, patients)
        assert found.value == pytest.approx(roc_auc_score(truth, told), abs=1e-12)
        assert found.low < found.value < found.high
        assert f"{len(set(patients))} clusters" in found.method


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
        found = auroc(told, truth, patients)
        assert found.value == pytest.approx(roc_auc_score(truth, told), abs=1e-12)
        assert found.value == pytest.approx(area, abs=0.019)
        held += found.low <= area <= found.high
    assert (len(printed), held) >= (14, 13)
