"""What is independent, what is corrected together, and what is left without an interval."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from heatproof.analysis.intervals import Intervals, without_intervals
from heatproof.types import Estimate

ESTIMATE = Estimate(0.5, 0.4, 0.6, 0.95, 7, "t", p=0.01)


@dataclass(frozen=True)
class Inner:
    estimate: Estimate


@dataclass(frozen=True)
class Outer:
    name: str
    estimate: Estimate | None
    several: tuple[Inner, ...]
    by_name: dict[str, Estimate]


def test_patients_or_films_are_independent():
    rows = pl.DataFrame({"image_id": ["a", "b"], "cluster": ["p", "p"]})
    assert Intervals().clusters(rows) == ["p", "p"]
    assert Intervals(by="image").clusters(rows) == ["a", "b"]
    assert Intervals(level=0.9).over(rows) == {"clusters": ["p", "p"], "level": 0.9}


def test_a_report_is_one_family_and_a_grid_one_of_several():
    keys = ["a", "b", "a", "c"]
    assert list(Intervals().families(keys).values()) == [[0, 1, 2, 3]]
    assert list(Intervals(family="grid").families(keys).values()) == [[0, 2], [1], [3]]
    assert Intervals().families([]) == {}


def test_enough_is_as_many_as_are_asked_for():
    assert [Intervals(min_positives=3).enough(number) for number in (2, 3, 4)] == [
        False, True, True,
    ]  # fmt: skip


def test_without_intervals_every_value_stays_and_no_end():
    before = Outer("x", ESTIMATE, (Inner(ESTIMATE),), {"a": ESTIMATE})
    after = without_intervals(before)
    assert after.name == "x"
    for estimate in (after.estimate, after.several[0].estimate, after.by_name["a"]):
        assert (estimate.value, estimate.cases, estimate.level) == (0.5, 7, 0.95)
        assert np.isnan([estimate.low, estimate.high, estimate.p]).all()
        assert estimate.method == "too few positives for an interval"
    assert without_intervals(Outer("y", None, (), {})) == Outer("y", None, (), {})
