"""Scatter plots: scores of single maps against a feature, with the line of least squares.

The line is fitted to the dots shown; slopes with their intervals, with errors by patient and
otherwise, are in the tables.
"""

from collections.abc import Iterator

import numpy as np

from heatproof.analysis.rare import TO_DRAW_A_LINE
from heatproof.report.content import Content
from heatproof.report.names import file_name, method_names, metric_names
from heatproof.report.pictures.plots import Plot, PlotCurve
from heatproof.report.prose.why_maps_fail import FEATURE_NOUNS
from heatproof.types import Estimate


def scatters(content: Content) -> Iterator[Plot]:
    """One plot for each data set, model, method and feature, of the first metric of maps."""
    methods, metrics = method_names(content), metric_names(content)
    for diagnosis in content.diagnoses:
        metric = metrics[diagnosis.metric]
        method = methods[diagnosis.method]
        where = (diagnosis.dataset, diagnosis.model)
        for feature, dots in diagnosis.points.items():
            # A line through two values fits them by construction.
            if len({x for x, _ in dots}) < TO_DRAW_A_LINE:
                continue
            across, up = np.array(dots).T
            ends = float(across.min()), float(across.max())
            slope, start = np.polyfit(across, up, 1)
            line = tuple((x, _without_interval(float(start + slope * x))) for x in ends)
            yield Plot(
                file_name("scatter", *where, diagnosis.method, diagnosis.metric, feature),
                f"{metric} of {method}, {', '.join(where)}",
                f"{FEATURE_NOUNS[feature]}, {len(dots)} maps",
                metric,
                (PlotCurve("least squares", line),),
                # Scores are between 0 and 1 as a rule, but a distance may be larger.
                low=(ends[0], min(0.0, float(up.min()))),
                high=(ends[1], max(1.0, float(up.max()))),
                dots=dots,
            )


def _without_interval(value: float) -> Estimate:
    nan = float("nan")
    return Estimate(value, nan, nan, nan, 0, "least squares")
