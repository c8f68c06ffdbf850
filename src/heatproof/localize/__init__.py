"""Localization: does a map find the region that a reader marked?

A metric *of maps* compares one map, at the size of the radiograph, with one boolean mask: one
number per map, whose mean is told.  A metric *of data sets* exists only over many films: it sees
one thing of every map, and makes one number of that, the probabilities and the films without the
finding.

Metrics are pure: raw signed maps and masks in, numbers out, ``nan`` where the metric is undefined
(never 0).
"""

import dataclasses
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from heatproof.data.geometry import Geometry
from heatproof.maps.binarize import PerFinding
from heatproof.registry import Registry

Part = TypeVar("Part")


@runtime_checkable
class LocalizationMetric(Protocol):
    """Compares a map with a mask of the same size; higher is better.

    The first paragraph of a metric's docstring is its definition, for people.
    """

    @property
    def title(self) -> str:
        """Its name, for people."""
        ...

    @property
    def undefined(self) -> str:
        """When it is undefined, as the end of a sentence."""
        ...

    @property
    def chance(self) -> float | None:
        """What a map of noise gets; None where that depends on the mask."""
        ...

    def __call__(self, saliency: Float[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]) -> float:
        """One number; ``nan`` where undefined."""
        ...


@dataclass(frozen=True)
class Detections:
    """What a data set's films say of one finding, by one model and one method.

    Attributes:
        seen: What the metric saw of the map (``of_map``); ``nan`` where that is undefined, and on
            films without the finding, whose maps do not count.
        regions: How many regions the reference standard marks; 0 on films without the finding.
        probabilities: The model's, that the film has the finding; finite.
    """

    seen: Float[np.ndarray, " n"]
    regions: Int[np.ndarray, " n"]
    probabilities: Float[np.ndarray, " n"]


@runtime_checkable
class DatasetMetric(Protocol):
    """Judges all films of a data set at once, those without the finding too; higher is better.

    ``title``, ``undefined``, ``chance`` and the docstring are as in ``LocalizationMetric``.
    """

    @property
    def title(self) -> str:
        """Its name, for people."""
        ...

    @property
    def per_map(self) -> str:
        """What the mean of ``of_map`` is, for people; told beside the metric."""
        ...

    @property
    def undefined(self) -> str:
        """When ``of_map`` is undefined, as the end of a sentence; such films are left out."""
        ...

    @property
    def chance(self) -> float | None:
        """What a map of noise gets; None where that depends on the films."""
        ...

    def of_map(
        self, saliency: Float[np.ndarray, "y x"], geometry: Geometry, mask: Bool[np.ndarray, "h w"]
    ) -> float:
        """What the metric needs of one map; ``nan`` where undefined.

        Args:
            saliency: Raw and finite, at the method's own resolution.
            geometry: Puts the canvas that the map covers over the radiograph.
            mask: What is marked, at the size of the radiograph; not empty.
        """
        ...

    def of_dataset(
        self, detections: Detections, weights: Float[np.ndarray, "b n"]
    ) -> Float[np.ndarray, " b"]:
        """The metric; ``nan`` where undefined.

        Args:
            detections: One entry per film.
            weights: How often each film counts, one row for each number wanted: ones for the data
                set itself, draws of a bootstrap for its replicates.
        """
        ...


Metric = LocalizationMetric | DatasetMetric
metrics: Registry[Metric] = Registry("localization metric", __name__)


def specialize(part: Part, finding: str) -> Part:
    """The part as it measures one finding: options with ``.at`` are replaced by ``.at(finding)``.

    Raises:
        DataError: An option knows nothing about that finding.
    """
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(part):  # type: ignore[arg-type]
        value = getattr(part, field.name)
        if isinstance(value, PerFinding):
            changed[field.name] = value.at(finding)
        elif dataclasses.is_dataclass(value):
            changed[field.name] = specialize(value, finding)
    return dataclasses.replace(part, **changed) if changed else part  # type: ignore[type-var]
