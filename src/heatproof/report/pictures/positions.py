"""Geometry of the drawings: numbers in, positions out; the templates hold the strokes.

Positions on a forest plot are percent of its width, so that the plot has any width; the small
curves are SVG in a box of ``SIDE`` by ``SIDE`` units with the origin at the top left corner.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from heatproof.analysis.classification import Bin
from heatproof.analysis.diagnosis import Spread
from heatproof.analysis.localization import Control
from heatproof.report.described import Metric
from heatproof.types import Estimate
from heatproof.words import MINUS

SIDE = 100.0


@dataclass(frozen=True)
class Mark:
    """One estimate on a forest plot, in percent of its width; None where undefined."""

    value: float | None
    low: float | None
    width: float | None


@dataclass(frozen=True)
class Point:
    """One bin of a calibration curve in SVG units."""

    x: float
    y: float
    top: float | None
    bottom: float | None
    radius: float
    words: str


def place(value: float, low: float, high: float) -> float:
    """Percent of the way from low to high, held within."""
    return round(100 * min(max((value - low) / (high - low), 0.0), 1.0), 2)


def mark(estimate: Estimate, low: float = 0.0, high: float = 1.0) -> Mark:
    """Where an estimate and its interval stand."""
    if math.isnan(estimate.value):
        return Mark(None, None, None)
    value = place(estimate.value, low, high)
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return Mark(value, None, None)
    start = place(estimate.low, low, high)
    return Mark(value, start, round(place(estimate.high, low, high) - start, 2))


def prior_mark(prior: Control | None, metric: Metric) -> Mark:
    """The reference line and band behind a forest plot."""
    if prior is None:
        return Mark(None, None, None)
    return mark(prior.estimate, metric.low, metric.high)


def ticks(metric: Metric) -> tuple[tuple[float, str], ...]:
    """Five ticks: percent and label."""
    return scale(metric.low, metric.high)


def scale(low: float, high: float) -> tuple[tuple[float, str], ...]:
    """Five ticks between two ends: percent and label."""
    values = [low + (high - low) * i / 4 for i in range(5)]
    return tuple((25.0 * i, f"{value:.3g}".replace("-", MINUS)) for i, value in enumerate(values))


@dataclass(frozen=True)
class Boxes:
    """The common axis of box plots."""

    low: float
    high: float

    def places(self, one: Spread) -> tuple[float, ...]:
        """Percent of least, quartile, median, quartile and most."""
        ends = (one.least, one.q1, one.median, one.q3, one.most)
        return tuple(place(end, self.low, self.high) for end in ends)


def spread(found: Sequence[Spread]) -> Boxes:
    """The axis on which all of them fit."""
    defined = [one for one in found if one.cases]
    low = min((one.least for one in defined), default=0.0)
    high = max((one.most for one in defined), default=1.0)
    return Boxes(low, high if high > low else low + 1)


def reliability(bins: Sequence[Bin]) -> tuple[Point, ...]:
    """The points of a calibration curve; area grows with cases, empty bins are left out."""
    most = max((b.observed.cases for b in bins), default=1)
    points = []
    for b in bins:
        seen = b.observed
        if math.isnan(seen.value) or math.isnan(b.predicted):
            continue
        bounded = not (math.isnan(seen.low) or math.isnan(seen.high))
        points.append(
            Point(
                x=round(SIDE * b.predicted, 1),
                y=round(SIDE * (1 - seen.value), 1),
                top=round(SIDE * (1 - seen.high), 1) if bounded else None,
                bottom=round(SIDE * (1 - seen.low), 1) if bounded else None,
                radius=round(1.6 + 2.4 * math.sqrt(seen.cases / max(most, 1)), 1),
                words=f"predicted {b.predicted:.2f}, observed {seen.value:.2f}, n = {seen.cases}",
            )
        )
    return tuple(points)


def polyline(points: Sequence[Point]) -> str:
    """As SVG wants it."""
    return " ".join(f"{point.x:g},{point.y:g}" for point in points)


def history(values: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """Validation AUROC by epoch; the box spans 0.5 to 1, undefined epochs are left out."""
    last = max(len(values) - 1, 1)
    return tuple(
        (round(SIDE * i / last, 1), round(SIDE * (1 - min(max(2 * v - 1, 0.0), 1.0)), 1))
        for i, v in enumerate(values)
        if not math.isnan(v)
    )
