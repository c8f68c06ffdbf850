"""Positions on the drawings."""

import math

from hypothesis import given
from hypothesis import strategies as st

from heatproof.analysis.classification import CalibrationBin
from heatproof.report.pictures.positions import calibration_points, history_points, mark, place
from heatproof.types import Estimate

values = st.floats(-2, 3)


@given(values)
def test_a_mark_never_leaves_the_plot(value: float) -> None:
    assert 0 <= place(value, 0.0, 1.0) <= 100


def test_ends_and_middle() -> None:
    assert [place(v, -1.0, 1.0) for v in (-1.0, 0.0, 1.0)] == [0, 50, 100]
    shown = mark(Estimate(0.31, 0.26, 0.36, 0.95, 50, ""))
    assert (shown.value, shown.low, shown.width) == (31, 26, 10)


def test_undefined_is_not_drawn() -> None:
    nothing = Estimate(math.nan, math.nan, math.nan, 0.95, 0, "")
    assert mark(nothing).value is None
    assert mark(Estimate(0.5, math.nan, math.nan, 0.95, 1, "")).low is None
    assert calibration_points([CalibrationBin(0.5, nothing)]) == ()
    assert history_points([math.nan, 1.0]) == ((100.0, 0.0),)


def test_perfect_calibration_is_the_diagonal() -> None:
    points = calibration_points(
        [CalibrationBin(p, Estimate(p, p, p, 0.95, 5, "")) for p in (0.1, 0.5, 0.9)]
    )
    assert all(math.isclose(point.x + point.y, 100) for point in points)
