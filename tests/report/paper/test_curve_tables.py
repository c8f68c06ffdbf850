"""Every corner of a ROC curve lies in its table: derived again, threshold by threshold."""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heatproof.report.paper.curve_tables import calibration_table, roc_table
from heatproof.report.paper.table import as_csv
from heatproof.stats.classification import roc
from tests.report import trial

Judged = Sequence[tuple[int, bool]]  # the probability of a film in tenths, and its label


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def written(judged: Judged) -> list[tuple[float, float]]:
    """The corners of one classifier, as a reader of the CSV gets them."""
    content = trial.usual()
    scores = np.array([tenths / 10 for tenths, _ in judged])
    corners = roc(scores, np.array([label for _, label in judged], bool))
    one = replace(content.classification[0], roc=corners)
    table = rows(as_csv(roc_table(replace(content, classification=(one,)))))
    assert {(row["Data set"], row["Model"], row["Finding"]) for row in table} <= {
        (trial.NIH, trial.MODEL, trial.OPACITY)
    }
    return [(float(row["1 − specificity"]), float(row["Sensitivity"])) for row in table]


def at_every_threshold(judged: Judged) -> list[tuple[Fraction, Fraction]]:
    """One minus specificity, and sensitivity, as more and more films are called positive."""
    positives = [score for score, label in judged if label]
    negatives = [score for score, label in judged if not label]
    return [
        (
            Fraction(sum(score >= threshold for score in negatives), len(negatives)),
            Fraction(sum(score >= threshold for score in positives), len(positives)),
        )
        for threshold in (11, *sorted({score for score, _ in judged}, reverse=True))
    ]


def corners(points: Sequence[tuple[Fraction, Fraction]]) -> list[tuple[Fraction, Fraction]]:
    """The points without those on a straight line between their neighbours."""
    kept: list[tuple[Fraction, Fraction]] = []
    for point in points:
        while len(kept) > 1:
            (a, b), (c, d) = kept[-2], kept[-1]
            if (c - a) * (point[1] - b) != (point[0] - a) * (d - b):
                break
            kept.pop()
        kept.append(point)
    return kept


@given(st.lists(st.tuples(st.integers(0, 10), st.booleans()), min_size=2, max_size=14))
def test_the_corners_are_those_of_every_threshold(judged: Judged) -> None:
    if len({label for _, label in judged}) == 1:
        assert written(judged) == []
        return
    wanted = corners(at_every_threshold(judged))
    assert written(judged) == [pytest.approx((float(x), float(y))) for x, y in wanted]


@given(st.lists(st.tuples(st.integers(0, 10), st.booleans()), min_size=2, max_size=14))
def test_the_area_below_the_corners_is_the_share_of_pairs_in_order(judged: Judged) -> None:
    positives = [score for score, label in judged if label]
    negatives = [score for score, label in judged if not label]
    if not positives or not negatives:
        return
    pairs = [(high > low) + (high == low) / 2 for high in positives for low in negatives]
    points = written(judged)
    area = sum((right - left) * (low + high) / 2 for (left, low), (right, high) in pairwise(points))
    assert area == pytest.approx(sum(pairs) / len(pairs))


def test_every_classifier_has_its_points_and_one_without_a_curve_has_none() -> None:
    content = trial.usual()
    assert [row.dataset for row in content.classification if row.roc] == [trial.NIH]
    table = rows(as_csv(roc_table(content)))
    assert [row["Data set"] for row in table] == 4 * [trial.NIH]
    table = rows(as_csv(calibration_table(content)))
    bins = [part for one in content.classification for part in one.calibration]
    assert [(float(row["Predicted"]), float(row["Observed"])) for row in table] == [
        (part.predicted, part.observed.value) for part in bins
    ]
