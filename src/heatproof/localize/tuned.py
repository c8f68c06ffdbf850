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
        parts: The metrics by spec, options to be tuned left open.
        tuned: The values that tuning films chose for these options, by model and method.
    """

    parts: Mapping[str, Metric]
    tuned: tuple[TunedValue, ...] = ()

    def of(self, model: str, method: str) -> Mapping[str, Any]:
        """The metrics by spec, with the values chosen for a method of a model (``""``: control).

        They are what ``specialize`` takes: a metric, or a ``ByFinding`` of one.
        """
        chosen = self._values.get((model, method), {})
        return {
            spec: with_values(part, chosen.get(spec, {})) if tunable(part) else part
            for spec, part in self.parts.items()
        }

    @cached_property
    def _values(self) -> Mapping[tuple[str, str], Mapping[str, Mapping[str, float]]]:
        """The chosen values by model and method, then metric, then finding."""
        values: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
        for choice in self.tuned:
            metrics = values.setdefault((choice.model, choice.method), {})
            metrics.setdefault(choice.metric, {})[choice.finding] = choice.value
        return values


@dataclass(frozen=True)
class Candidate:
    """A metric with one value of what it leaves open.

    Attributes:
        spec: Spec of the metric in the experiment, with the option left open.
        value: The value that is tried.
        metric: The metric with that value.
    """

    spec: str
    value: float
    metric: Metric

    @property
    def name(self) -> str:
        """The name of the metric in the scores of tuning films."""
        # ``repr`` keeps all digits of a float, so no two candidates share a name.
        return f"{self.spec} at {self.value!r}"


def candidates_of(metrics: Mapping[str, Metric]) -> tuple[Candidate, ...]:
    """Every value that tuning may choose; empty where no metric leaves anything open."""
    return tuple(
        Candidate(spec, value, tried)
        for spec, metric in metrics.items()
        for value, tried in candidates(metric).items()
    )
