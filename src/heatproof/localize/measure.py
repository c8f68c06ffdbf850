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


@dataclass(frozen=True)
class Measure:
    """A metric as it measures one finding, and of what kind it is: asked once, not of every map.

    Attributes:
        spec: As the experiment wrote it.
        part: The metric.
        of_dataset: Whether it is one of data sets.
        sees_negatives: Whether it looks at films without the finding.
        counts: Itself, where it needs nothing of a map but counted pixels.
        points: Itself, where it asks a map or a reader for points alone.
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
"""What metrics made of one map: columns of ``SCORES`` by spec."""


Measures = Callable[[str, tuple[float, float] | None], tuple[Measure, ...]]
"""What is measured of a finding on a film of that spacing."""


def measures(metrics: Mapping[str, Metric]) -> Measures:
    """Each finding and spacing is asked for once: a metric may read a table to know."""

    @cache
    def of(finding: str, spacing: tuple[float, float] | None) -> tuple[Measure, ...]:
        return tuple(
            Measure.of(spec, specialize(part, finding, spacing)) for spec, part in metrics.items()
        )

    return of


def is_asked(measure: Measure, *, marked: bool, holds: bool) -> bool:
    """Whether a metric looks at such a film.

    Marks that hold no pixel leave a metric of maps undefined; to one of data sets the film is one
    without the finding.
    """
    return holds or measure.sees_negatives or (marked and not measure.of_dataset)


def measure_map(
    measures: Sequence[Measure], found: StoredMap, geometry: Geometry, reference: Reference
) -> Values:
    """Value, and what was seen, by metric."""
    if found.validity in UNSCORED:
        unseen = {"value": float("nan"), "seen": [float("nan")]}
        return {one.spec: unseen if one.of_dataset else {"value": float("nan")} for one in measures}
    height, width = reference.mask.shape
    over = shown(geometry, found.values, (height, width))
    cuts = [one.counts.binarize for one in measures if one.counts is not None]
    counts = overlaps(over, reference.mask, cuts)
    measured: Values = {}
    for one in measures:
        told: Any
        part: Any = one.part
        if one.counts is not None:
            told = one.counts.of_counts(counts[one.counts.binarize])
        elif one.points is not None:
            told = one.points.of_points(one.points.pointed(over), reference.mask)
        elif one.of_dataset:
            told = part.of_map(found.values, geometry, reference)
        else:
            told = part(over.pixels, reference.mask)
        measured[one.spec] = _seen(one.part, told) if one.of_dataset else {"value": float(told)}
    return measured


def measure_reading(measures: Sequence[Measure], found: Reading, reference: Reference) -> Values:
    """The same of a reader, by the metrics that can tell."""
    counts = None if found.mask is None else of_masks(found.mask, reference.mask)
    measured: Values = {}
    for one in measures:
        told: Any
        if one.points is not None:
            told = one.points.of_points(found.points, reference.mask)
        elif one.counts is not None:
            told = one.counts.of_counts(counts)
        else:
            continue
        measured[one.spec] = _seen(one.part, told) if one.of_dataset else {"value": float(told)}
    return measured


def _seen(metric: Any, seen: Float[np.ndarray, " c"]) -> dict[str, Any]:
    """What a metric of data sets saw of a map, and what the map alone did."""
    alone = float("nan") if np.isnan(seen[0]) else float(metric.alone(seen))
    return {"value": alone, "seen": seen.tolist()}
