"""Tables of curves: every point that the page, or a figure beside it, draws."""

from collections.abc import Iterator
from typing import NamedTuple

from heatproof.report.content import Content
from heatproof.report.paper.table import PaperColumn, PaperTable
from heatproof.report.pictures.curves import precision_recall, threshold_curves
from heatproof.types import Estimate


class _Point(NamedTuple):
    """One point of a curve of a classifier."""

    dataset: str
    model: str
    finding: str
    x: float
    y: Estimate | float


class _OfMaps(NamedTuple):
    """One point of a curve of maps."""

    plot: str
    across: str
    up: str
    curve: str
    x: float
    y: Estimate


def roc_table(content: Content) -> PaperTable[_Point]:
    """The corners of every ROC curve."""
    return PaperTable[_Point](
        "roc",
        "ROC curves",
        (
            *_which(),
            PaperColumn("1 − specificity", lambda row: row.x, float),
            PaperColumn("Sensitivity", lambda row: row.y, float),
        ),
        [
            _Point(row.dataset, row.model, row.finding, x, y)
            for row in content.classification
            for x, y in row.roc
        ],
    )


def calibration_table(content: Content) -> PaperTable[_Point]:
    """The points of every calibration curve."""
    return PaperTable[_Point](
        "calibration",
        "Calibration curves",
        (
            *_which(),
            PaperColumn("Predicted", lambda row: row.x, float),
            PaperColumn("Observed", lambda row: row.y, Estimate),
            PaperColumn("Cases", lambda row: getattr(row.y, "cases", 0), int),
        ),
        [
            _Point(row.dataset, row.model, row.finding, part.predicted, part.observed)
            for row in content.classification
            for part in row.calibration
        ],
    )


def curve_table(content: Content) -> PaperTable[_OfMaps]:
    """The points of every curve of scores over thresholds, and of precision over recall."""
    return PaperTable[_OfMaps](
        "curves",
        "Scores of maps over thresholds",
        (
            PaperColumn("Curve", lambda row: row.plot),
            PaperColumn("Of", lambda row: row.curve),
            PaperColumn("Across", lambda row: row.across),
            PaperColumn("At", lambda row: row.x, float),
            PaperColumn("Up", lambda row: row.up),
            PaperColumn("Value", lambda row: row.y, Estimate),
        ),
        list(_points_of_maps(content)),
    )


def _which() -> tuple[PaperColumn[_Point], ...]:
    return (
        PaperColumn("Data set", lambda row: row.dataset),
        PaperColumn("Model", lambda row: row.model),
        PaperColumn("Finding", lambda row: row.finding),
    )


def _points_of_maps(content: Content) -> Iterator[_OfMaps]:
    for plots in (threshold_curves, precision_recall):
        for plot in plots(content):
            for curve in plot.curves:
                for x, y in curve.points:
                    yield _OfMaps(plot.title, plot.across, plot.up, curve.name, x, y)
