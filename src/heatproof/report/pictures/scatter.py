"""Scores of single maps against what they may depend on, with the line of least squares.

The line is that of the dots shown; slopes with their intervals, by patient and otherwise, are in
the tables.
"""

from collections.abc import Iterator

import numpy as np

from heatproof.report.content import Content
from heatproof.report.names import file_name, method_names, metric_names
from heatproof.report.pictures.plots import Curve, Plot
from heatproof.report.prose import why
from heatproof.types import Estimate

FEWEST = 3  # dots that a line is drawn through


def scatters(content: Content) -> Iterator[Plot]:
    """One for each data set, model, method and feature of the first metric of maps."""
    names, known = method_names(content), metric_names(content)
    for one in content.diagnoses:
        metric = known.get(one.metric, one.metric)
        method = names.get(one.method, one.method)
        for feature, dots in one.points.items():
            if len({x for x, _ in dots}) < FEWEST:
                continue
            across, up = np.array(dots).T
            ends = float(across.min()), float(across.max())
            slope, start = np.polyfit(across, up, 1)
            line = tuple((x, _alone(float(start + slope * x))) for x in ends)
            yield Plot(
                file_name("scatter", one.dataset, one.model, one.method, one.metric, feature),
                f"{metric} of {method}, {one.dataset}, {one.model}",
                f"{why.NOUNS[feature]}, {len(dots)} maps",
                metric,
                (Curve("least squares", line),),
                low=(ends[0], min(0.0, float(up.min()))),
                high=(ends[1], max(1.0, float(up.max()))),
                dots=dots,
            )


def _alone(value: float) -> Estimate:
    nan = float("nan")
    return Estimate(value, nan, nan, nan, 0, "least squares")
