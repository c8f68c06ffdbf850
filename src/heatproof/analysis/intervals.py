"""Intervals: how an analysis makes them, in one record that every analysis takes."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import polars as pl

from heatproof.types import Estimate

AnyRecord = TypeVar("AnyRecord")


@dataclass(frozen=True)
class Intervals:
    """How scores of films become intervals and conclusions.

    Attributes:
        by: What is independent: all films of a patient together, or each film (``"image"``).
        resamples: Number of resamples of the published arithmetic; no other interval needs any.
        level: Confidence level of every interval, in (0, 1).
        seed: Seed of the division of patients into halves.
        min_positives: A finding with fewer positives gets no interval (see ``rare``).
        margin: The largest loss that would not matter, in the unit of the metric.
        family: Which conclusions share one correction: all of a kind in the ``"report"``, or those
            of one ``"grid"``: the verdicts of one data set and finding, or the findings of one
            method by one metric.
    """

    by: Literal["patient", "image"] = "patient"
    resamples: int = 1000
    level: float = 0.95
    seed: int = 0
    min_positives: int = 10
    margin: float = 0.05
    family: Literal["report", "grid"] = "report"

    def enough(self, positives: int) -> bool:
        """Whether a finding with so many positives may be concluded from (see ``rare``)."""
        return positives >= self.min_positives

    def families(self, keys: Iterable[Hashable]) -> dict[Hashable, list[int]]:
        """The places of conclusions that are corrected together; a key says which grid is whose."""
        families: dict[Hashable, list[int]] = {}
        for place, key in enumerate(keys):
            families.setdefault("report" if self.family == "report" else key, []).append(place)
        return families

    def clusters(self, rows: pl.DataFrame) -> list[str]:
        """The cluster of each row; rows have an ``image_id`` and a ``cluster``."""
        column = "cluster" if self.by == "patient" else "image_id"
        return [str(name) for name in rows[column]]

    def over(self, rows: pl.DataFrame) -> dict[str, Any]:
        """Arguments of an interval over rows with an ``image_id`` and a ``cluster``."""
        return {"clusters": self.clusters(rows), "level": self.level}


def without_interval(estimate: Estimate) -> Estimate:
    """The value without its interval and p: it describes these films, and nothing is inferred."""
    nan = float("nan")
    return replace(estimate, low=nan, high=nan, p=nan, method="too few positives for an interval")


def without_intervals(record: AnyRecord) -> AnyRecord:
    """The record with every estimate, also in records inside it, without its interval."""
    changes = {name: _without(value) for name, value in vars(record).items()}
    return replace(record, **changes)  # type: ignore[type-var]  # a dataclass


def _without(value: Any) -> Any:
    if isinstance(value, Estimate):
        return without_interval(value)
    if isinstance(value, tuple):
        return tuple(_without(inner) for inner in value)
    if isinstance(value, Mapping):
        return {name: _without(inner) for name, inner in value.items()}
    return without_intervals(value) if hasattr(value, "__dataclass_fields__") else value
