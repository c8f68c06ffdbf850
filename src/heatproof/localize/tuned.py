"""Metrics as they measure one method: with the values that tuning films chose for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from heatproof.localize import Metric
from heatproof.maps.tuning import TunedValue, candidates, tunable, with_values


@dataclass(frozen=True)
class TunedMetrics:
    """The metrics of an experiment.

    Attributes:
        parts: By spec, as the experiment names them.
        tuned: What tuning films chose of what these leave open, for each model and method.
    """

    parts: Mapping[str, Metric]
    tuned: tuple[TunedValue, ...] = ()

    def of(self, model: str, method: str) -> Mapping[str, Any]:
        """By spec, the metrics as they measure one method of one model; of no model a control.

        They are what ``specialize`` takes: a metric, or a ``ByFinding`` of one.
        """
        chosen = self._values.get((model, method), {})
        return {
            spec: with_values(part, chosen.get(spec, {})) if tunable(part) else part
            for spec, part in self.parts.items()
        }

    @cached_property
    def _values(self) -> Mapping[tuple[str, str], Mapping[str, Mapping[str, float]]]:
        """By model and method, then metric, then finding."""
        values: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
        for choice in self.tuned:
            metrics = values.setdefault((choice.model, choice.method), {})
            metrics.setdefault(choice.metric, {})[choice.finding] = choice.value
        return values


@dataclass(frozen=True)
class Candidate:
    """A metric with one value of what it leaves open.

    Attributes:
        spec: Of the metric as the experiment names it.
        value: That is tried.
        metric: With that value.
    """

    spec: str
    value: float
    metric: Metric

    @property
    def name(self) -> str:
        """That its scores have in their units."""
        return f"{self.spec} at {self.value!r}"


def candidates_of(metrics: Mapping[str, Metric]) -> tuple[Candidate, ...]:
    """Every value that tuning may choose; empty where no metric leaves anything open."""
    return tuple(
        Candidate(spec, value, tried)
        for spec, metric in metrics.items()
        for value, tried in candidates(metric).items()
    )
