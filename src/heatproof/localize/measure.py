"""One map, or one reader's marks, measured by all metrics at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float

from heatproof.data.geometry import Geometry, shown
from heatproof.localize import DatasetMetric, Metric, Reference, sees_negatives, specialize
from heatproof.localize.overlap import CountsPixels, of_masks, overlaps
from heatproof.localize.reading import Pointing, Reading
from heatproof.maps.store import StoredMap
from heatproof.types import Validity

UNSCORED = (Validity.NOT_FINITE,)
"""Maps of other validities are scored: metrics say themselves where they are undefined.

A map that is zero or constant as made reaches them with one value (``StoredMap.over``)."""


@dataclass(frozen=True)
class Measure:
    """A metric, specialized to one finding, and its kind.

    Run-time checks of protocols are slow, so the kind is found out once and not for every map.

    Attributes:
        spec: Spec of the metric in the experiment.
        part: The metric.
        of_dataset: Whether it is a metric of data sets.
        sees_negatives: Whether it measures films without the finding.
        counts: The metric, if it takes counts of pixels alone; else None.
        points: The metric, if it takes points alone; else None.
    """

    spec: str
    part: Metric
    of_dataset: bool
    sees_negatives: bool
    counts: CountsPixels | None
    points: Pointing | None

    @classmethod
    def of(cls, spec: str, part: Metric) -> "Measure":
        """The measure of one metric."""
        counts = part if isinstance(part, CountsPixels) else None
        points = part if isinstance(part, Pointing) else None
        of_dataset = isinstance(part, DatasetMetric)
        return cls(spec, part, of_dataset, sees_negatives(part), counts, points)


Values = dict[str, dict[str, Any]]
"""The columns ``value`` and ``seen`` of the table ``Scores`` for one map, by spec of the metric."""
Measures = Callable[[str, tuple[float, float] | None], tuple[Measure, ...]]
"""Gives the measures of a finding on a film with that spacing (millimetres, down and across)."""


def measures(metrics: Mapping[str, Metric]) -> Measures:
    """Specializes metrics, once per finding and spacing: a metric may read a file for it."""

    @cache
    def of(finding: str, spacing: tuple[float, float] | None) -> tuple[Measure, ...]:
        return tuple(
            Measure.of(spec, specialize(part, finding, spacing)) for spec, part in metrics.items()
        )

    return of


def is_asked(measure: Measure, *, marked: bool, holds: bool) -> bool:
    """Whether a metric measures the maps of such a film.

    Marks without any pixel leave a metric of maps undefined; for a metric of data sets, such a film
    is one without the finding.

    Args:
        measure: The metric.
        marked: Whether the reader marked the finding on the film.
        holds: Whether the marks hold any pixel.
    """
    return holds or measure.sees_negatives or (marked and not measure.of_dataset)


def measure_map(
    measures: Sequence[Measure], stored: StoredMap, geometry: Geometry, reference: Reference
) -> Values:
    """The columns of ``Scores`` for one map; nan where the map cannot be scored."""
    if stored.validity in UNSCORED:
        # A first number of nan tells a metric of data sets that the film is undefined.
        unseen = {"value": float("nan"), "seen": [float("nan")]}
        return {
            measure.spec: unseen if measure.of_dataset else {"value": float("nan")}
            for measure in measures
        }
    height, width = reference.mask.shape
    values, geometry = stored.over(geometry)
    over = shown(geometry, values, (height, width))
    cuts = [measure.counts.binarize for measure in measures if measure.counts is not None]
    counts = overlaps(over, reference.mask, cuts)
    measured: Values = {}
    for measure in measures:
        score: Any
        part: Any = measure.part
        if measure.counts is not None:
            # Counts and points come first, for metrics of data sets as well, since neither needs
            # the whole map at the size of the film.
            score = measure.counts.of_counts(counts[measure.counts.binarize])
        elif measure.points is not None:
            score = measure.points.of_points(measure.points.pointed(over), reference.mask)
        elif measure.of_dataset:
            score = part.of_map(values, geometry, reference)
        else:
            score = part(over.pixels, reference.mask)
        measured[measure.spec] = (
            _seen(measure.part, score) if measure.of_dataset else {"value": float(score)}
        )
    return measured


def measure_reading(measures: Sequence[Measure], reading: Reading, reference: Reference) -> Values:
    """The columns of ``Scores`` for one reading, by the metrics that need no heights."""
    counts = None if reading.mask is None else of_masks(reading.mask, reference.mask)
    measured: Values = {}
    for measure in measures:
        score: Any
        if measure.points is not None:
            score = measure.points.of_points(reading.points, reference.mask)
        elif measure.counts is not None:
            score = measure.counts.of_counts(counts)
        else:
            # A reading has no heights, so a metric that asks for them has no row.
            continue
        measured[measure.spec] = (
            _seen(measure.part, score) if measure.of_dataset else {"value": float(score)}
        )
    return measured


def _seen(metric: Any, seen: Float[np.ndarray, " c"]) -> dict[str, Any]:
    """What a metric of data sets saw of a map, and the value of this map by itself."""
    alone = float("nan") if np.isnan(seen[0]) else float(metric.alone(seen))
    return {"value": alone, "seen": seen.tolist()}
