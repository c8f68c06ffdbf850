"""How true the maps of each method are to the model, beside chance."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from heatproof.analysis.intervals import Intervals, without_intervals
from heatproof.fidelity.metrics import FidelityMetric, beside_chance
from heatproof.fidelity.truth import Reliability, reliability
from heatproof.stats import bounded, estimates
from heatproof.tables.fidelity import FidelityOfMaps
from heatproof.types import Estimate


@dataclass(frozen=True)
class Fidelity:
    """How true the maps of one method are to one model, by one metric.

    Attributes:
        finding: The finding that the maps explain.
        metric: Spec of the metric.
        better: Whether a truer map has a ``higher`` or a ``lower`` value.
        value: Mean over films, in the unit of the metric.
        gain: By how much it is truer than the same maps with their cells shuffled, film by film:
            above 0 where it is truer, whatever ``better`` says; None for a metric without chance.
        wins: Share of films on which a map is truer than that; None likewise.
        reliability: How often the metric tells which of two maps is truer, where that is known;
            None where it was not measured.
    """

    dataset: str
    model: str
    finding: str
    method: str
    metric: str
    better: str
    value: Estimate
    gain: Estimate | None
    wins: Estimate | None
    reliability: Reliability | None


def fidelity_of_methods(
    rows: FidelityOfMaps, metrics: Mapping[str, FidelityMetric], intervals: Intervals
) -> Iterator[Fidelity]:
    """One record per data set, model, finding, metric and method.

    Args:
        rows: What was measured.
        metrics: The metrics by spec.
        intervals: How intervals are made; a finding with too few films gets none.
    """
    for keys, maps in rows.by("data", "model", "finding", "metric", "method"):
        data, model, finding, metric, method = keys
        part, drawing = metrics[metric], intervals.over(maps.frame)
        value, chance = (maps.frame[name].to_numpy() for name in ("value", "chance"))
        gain = value - chance if part.better == "higher" else chance - value
        # Where one of the two is undefined, neither is truer.
        wins = np.where(np.isfinite(gain), (gain > 0).astype(np.float64), np.nan)
        compared = beside_chance(part)
        found = Fidelity(
            dataset=data,
            model=model,
            finding=finding,
            method=method,
            metric=metric,
            better=part.better,
            value=estimates.mean(value, **drawing),
            gain=estimates.mean(gain, **drawing) if compared else None,
            wins=bounded.mean(wins, **drawing) if compared else None,
            reliability=reliability(metric),
        )
        enough = intervals.enough(maps.frame["image_id"].n_unique())
        yield found if enough else without_intervals(found)
