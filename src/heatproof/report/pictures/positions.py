"""Geometry of the pictures: from numbers to positions; templates and drawings hold the strokes.

Positions on a forest plot are percent of its width, so that the plot can have any width.  The small
curves are SVG in a box of ``CURVE_SIDE`` by ``CURVE_SIDE`` units with the origin at the top left
corner.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from heatproof.analysis.classification import CalibrationBin
from heatproof.analysis.diagnosis import Spread
from heatproof.analysis.localization import ControlRow
from heatproof.report.content import MetricText
from heatproof.types import Estimate
from heatproof.words import MINUS

CURVE_SIDE = 100.0


@dataclass(frozen=True)
class Mark:
    """An estimate on a forest plot, in percent of its width; None where undefined."""

    value: float | None
    low: float | None
    width: float | None


@dataclass(frozen=True)
class CalibrationPoint:
    """One bin of a calibration curve, in units of the small curves.

    Attributes:
        top: The upper end of its interval; None without an interval, as ``bottom``.
        bottom: The lower end of its interval.
        words: What the point means.
    """

    x: float
    y: float
    top: float | None
    bottom: float | None
    radius: float
    words: str


def place(value: float, low: float, high: float) -> float:
    """Percent of the way from low to high, clipped to 0 and 100."""
    return round(100 * min(max((value - low) / (high - low), 0.0), 1.0), 2)


def mark(estimate: Estimate, low: float = 0.0, high: float = 1.0) -> Mark:
    """An estimate and its interval on an axis from low to high."""
    if math.isnan(estimate.value):
        return Mark(None, None, None)
    value = place(estimate.value, low, high)
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return Mark(value, None, None)
    start = place(estimate.low, low, high)
    return Mark(value, start, round(place(estimate.high, low, high) - start, 2))


def prior_mark(prior: ControlRow | None, metric: MetricText) -> Mark:
    """The reference line and band behind a forest plot; undefined without a prior."""
    if prior is None:
        return Mark(None, None, None)
    return mark(prior.estimate, metric.low, metric.high)


def ticks(low: float, high: float) -> tuple[tuple[float, str], ...]:
    """Five ticks of an axis from low to high: percent and label."""
    values = [low + (high - low) * i / 4 for i in range(5)]
    return tuple((25.0 * i, f"{value:.3g}".replace("-", MINUS)) for i, value in enumerate(values))


def axis_end(largest: float) -> float:
    """Where an axis ends that holds ``largest``: the next number of one digit, and 1 for 0.

    >>> [axis_end(largest) for largest in (0.0, 0.34, 20.0, 21.0)]
    [1.0, 0.4, 20.0, 30.0]
    """
    if not largest:
        return 1.0
    digit = 10.0 ** math.floor(math.log10(largest))
    return math.ceil(largest / digit) * digit


@dataclass(frozen=True)
class BoxAxis:
    """The common axis of several box plots."""

    low: float
    high: float

    def places(self, spread: Spread) -> tuple[float, ...]:
        """Percent of minimum, lower quartile, median, upper quartile and maximum."""
        numbers = (spread.least, spread.q1, spread.median, spread.q3, spread.most)
        return tuple(place(number, self.low, self.high) for number in numbers)


def box_axis(spreads: Sequence[Spread]) -> BoxAxis:
    """The axis that holds all spreads."""
    defined = [spread for spread in spreads if spread.cases]
    low = min((spread.least for spread in defined), default=0.0)
    high = max((spread.most for spread in defined), default=1.0)
    # An axis of length 0 would divide by 0.
    return BoxAxis(low, high if high > low else low + 1)


def calibration_points(bins: Sequence[CalibrationBin]) -> tuple[CalibrationPoint, ...]:
    """The points of a calibration curve; their area grows with cases, empty bins have none."""
    most = max((b.observed.cases for b in bins), default=1)
    points = []
    for b in bins:
        observed = b.observed
        if math.isnan(observed.value) or math.isnan(b.predicted):
            continue
        bounded = not (math.isnan(observed.low) or math.isnan(observed.high))
        points.append(
            CalibrationPoint(
                x=round(CURVE_SIDE * b.predicted, 1),
                # SVG counts from the top.
                y=round(CURVE_SIDE * (1 - observed.value), 1),
                top=round(CURVE_SIDE * (1 - observed.high), 1) if bounded else None,
                bottom=round(CURVE_SIDE * (1 - observed.low), 1) if bounded else None,
                # The root makes the area, and not the radius, grow with cases.
                radius=round(1.6 + 2.4 * math.sqrt(observed.cases / max(most, 1)), 1),
                words=f"predicted {b.predicted:.2f}, observed {observed.value:.2f},"
                f" n = {observed.cases}",
            )
        )
    return tuple(points)


def polyline(points: Sequence[CalibrationPoint]) -> str:
    """The ``points`` attribute of an SVG polyline."""
    return " ".join(f"{point.x:g},{point.y:g}" for point in points)


def history_points(values: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """Validation AUROC by epoch; the box spans 0.5 to 1, undefined epochs have no point."""
    # A training of one epoch has no length.
    last = max(len(values) - 1, 1)
    return tuple(
        (
            round(CURVE_SIDE * epoch / last, 1),
            round(CURVE_SIDE * (1 - min(max(2 * auroc - 1, 0.0), 1.0)), 1),
        )
        for epoch, auroc in enumerate(values)
        if not math.isnan(auroc)
    )
