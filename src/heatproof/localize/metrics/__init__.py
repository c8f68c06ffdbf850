"""Localization: does a map find the region that a reader marked?

A metric *of maps* compares one map, at the size of the film, with one boolean mask, which gives one
number per map; their mean is reported.  A metric *of data sets* exists only over many films: it
sees a few numbers of every map, and makes one number of those, the probabilities and the films
without the finding.

Metrics are pure: raw signed maps and masks in, numbers out, ``nan`` where the metric is undefined
(never 0).
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from heatproof.data.annotations import connected_parts, lesions_of
from heatproof.data.geometry import Geometry
from heatproof.maps.binarize import PerFinding
from heatproof.registry import Registry
from heatproof.types import Shape

AnyMetric = TypeVar("AnyMetric")


@runtime_checkable
class LocalizationMetric(Protocol):
    """Compares a map with a mask of the same size; higher is better.

    The first paragraph of a metric's docstring is its definition, for people.  A metric may also
    have the fields that the functions of this module read, each with a default:
    ``lower_is_better``, ``unbounded``, ``sees_negatives``, ``empty_is_zero``, ``regions_overlap``,
    ``rate_of_pixels``, ``at_cutoff`` and ``unboxed``; and an option ``spacing``, see
    ``specialize``.
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
class Reference:
    """What one reader marked of one finding on one film.

    Attributes:
        mask: Every marked pixel, at the size of the radiograph; empty on films without the finding.
        shapes: What was drawn; without it, each connected part of the mask is a lesion.
    """

    mask: Bool[np.ndarray, "h w"]
    shapes: tuple[Shape, ...] = ()

    def lesions(self) -> Iterator[Bool[np.ndarray, "h w"]]:
        """The mask of each lesion, one at a time; they may overlap, and none is empty."""
        height, width = self.mask.shape
        if not self.shapes:
            yield from connected_parts(self.mask)
        for shape in self.shapes:
            yield from lesions_of(shape, height, width)


@dataclass(frozen=True)
class Detections:
    """What a data set's films say of one finding, by one model and one method.

    Attributes:
        seen: What the metric saw of the map (``of_map``), padded with ``nan``.  The first number is
            ``nan`` where that is undefined, and on films without the finding of a metric that does
            not look at their maps.
        regions: How many regions the reference standard marks; 0 on films without the finding.
        probabilities: The model's, that the film has the finding; finite.
        annotated: Whether the reader marked any finding on the film.
        agreed: Whether every reader who marked this finding anywhere did so on the film.
    """

    seen: Float[np.ndarray, "n c"]
    regions: Int[np.ndarray, " n"]
    probabilities: Float[np.ndarray, " n"]
    annotated: Bool[np.ndarray, " n"]
    agreed: Bool[np.ndarray, " n"]

    def columns(self, count: int) -> Float[np.ndarray, "n count"]:
        """The first numbers that were seen; ``nan`` where there are fewer."""
        lacking = max(count - self.seen.shape[1], 0)
        return np.pad(self.seen, ((0, 0), (0, lacking)), constant_values=np.nan)[:, :count]


@dataclass(frozen=True)
class RateOfPixels:
    """What a metric is on a curve of precision over recall.

    Attributes:
        kind: Which of the two.
        pooled: How the pixels of several films are counted together; empty for a mean over films.
    """

    kind: Literal["precision", "recall"]
    pooled: str = ""


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
        """What the mean of ``alone`` is, for people; reported beside the metric."""
        ...

    @property
    def undefined(self) -> str:
        """When ``of_map`` is undefined, as the end of a sentence; such films are left out."""
        ...

    @property
    def chance(self) -> float | None:
        """What a map of noise gets; None where that depends on the films."""
        ...

    @property
    def sees_negatives(self) -> bool:
        """Whether it looks at the maps of films without the finding too."""
        ...

    def of_map(
        self, saliency: Float[np.ndarray, "y x"], geometry: Geometry, reference: Reference
    ) -> Float[np.ndarray, " c"]:
        """What the metric needs of one map; the first number is ``nan`` where undefined.

        Args:
            saliency: Raw and finite, at the method's own resolution.
            geometry: Puts the canvas that the map covers over the radiograph.
            reference: What is marked; empty only if the metric sees negatives.
        """
        ...

    def alone(self, seen: Float[np.ndarray, " c"]) -> float:
        """What the map alone did, of what was seen of it; ``nan`` where undefined."""
        ...

    def of_dataset(
        self, detections: Detections, weights: Float[np.ndarray, "b n"]
    ) -> Float[np.ndarray, " b"]:
        """The metric; ``nan`` where undefined.

        Args:
            detections: One entry per film.
            weights: How often each film counts, one row for each number wanted: ones for the data
                set itself; 0 for the films of a patient who is left out, for its interval.
        """
        ...


@runtime_checkable
class MeanOverFilms(Protocol):
    """A metric of data sets that is a mean over films."""

    def per_film(self, detections: Detections) -> Float[np.ndarray, " n"]:
        """The values that are averaged; ``nan`` for a film that does not count."""
        ...


Metric = LocalizationMetric | DatasetMetric
metrics: Registry[Metric] = Registry("localization metric", __name__, "heatproof.metrics")


def sees_negatives(metric: Metric) -> bool:
    """Whether the maps of films without the finding count."""
    return bool(getattr(metric, "sees_negatives", False))


def lower_is_better(metric: Metric) -> bool:
    """Whether a smaller number is a better one, as of distances."""
    return bool(getattr(metric, "lower_is_better", False))


def unbounded(metric: Metric) -> bool:
    """Whether it has no largest value, as distances, counts and ratios; others lie in [0, 1]."""
    return lower_is_better(metric) or bool(getattr(metric, "unbounded", False))


def empty_is_zero(metric: Metric) -> bool:
    """Whether any map at all scores 0 on a film on which nothing is marked, as published."""
    return bool(getattr(metric, "empty_is_zero", False))


def zero_matters(metric: Metric) -> bool:
    """Whether adding a number to all of a map changes the metric, as where relevance is summed."""
    return bool(getattr(metric, "zero_matters", False))


def regions_overlap(metric: Metric) -> bool:
    """Whether it compares regions, so that 0 means that the map misses every marked region."""
    return bool(getattr(metric, "regions_overlap", False))


def rate_of_pixels(metric: Metric) -> RateOfPixels | None:
    """Its place on a curve of precision over recall of pixels; None where it has none."""
    return getattr(metric, "rate_of_pixels", None)


def at_cutoff(metric: Metric) -> tuple[float, Metric] | None:
    """The probability from which it calls a film, and the metric whatever that probability is.

    Metrics that differ in that probability alone are points of one curve; None for other metrics.
    """
    return getattr(metric, "at_cutoff", None)


def unboxed(metric: Metric) -> Metric | None:
    """The metric of outlines whose form for boxes this is; None for other metrics."""
    return getattr(metric, "unboxed", None)


def specialize(
    part: AnyMetric, finding: str, spacing: tuple[float, float] | None = None
) -> AnyMetric:
    """The part as it measures one finding on one film.

    A part or an option with ``.at`` is replaced by ``.at(finding)``; an option ``spacing`` that is
    None becomes the film's.

    Args:
        part: A metric, or a part of one.
        finding: What is measured.
        spacing: Millimetres per pixel of the film, down and across, where known.

    Raises:
        DataError: An option knows nothing about that finding.
    """
    if isinstance(part, PerFinding):
        part = part.at(finding)  # type: ignore[assignment]
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(part):  # type: ignore[arg-type]
        value = getattr(part, field.name)
        if dataclasses.is_dataclass(value):
            changed[field.name] = specialize(value, finding, spacing)
        elif field.name == "spacing" and value is None and spacing is not None:
            changed[field.name] = spacing
    return dataclasses.replace(part, **changed) if changed else part  # type: ignore[type-var]
