"""Localization: how well the maps of each method find each finding, and the controls likewise.

The result of a metric of maps is the mean over maps.  A metric of data sets joins what it saw of
each map with the probability of that film, and takes in the films without the finding.  As each
model has other probabilities, it has its own panel.  Controls take the probabilities of the model,
so that a difference to a control comes from the map alone.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from heatproof.analysis.detections import detections, films_that_count, of_films
from heatproof.analysis.intervals import Intervals, without_intervals
from heatproof.localize import DatasetMetric, Detections, lower_is_better, specialize, unbounded
from heatproof.localize.controls import PRIOR, control_named
from heatproof.localize.tuned import TunedMetrics
from heatproof.stats import bounded, estimates
from heatproof.stats.multiple import adjusted
from heatproof.tables.films import Films
from heatproof.tables.predictions import Predictions
from heatproof.tables.scores import NO_MODEL, Scores
from heatproof.types import Estimate


@dataclass(frozen=True)
class ControlRow:
    """A map made without the model, judged like the others.

    Attributes:
        name: Title of the control, for people.
        estimate: The score, on the same films as those of the methods.
        undefined: Number of films on which the metric is undefined.
        per_map: As in ``MethodRow``.
        negatives: As in ``MethodRow``.
        spec: Name of the control in tables, such as ``"mean_mask"``.
        knows: What the control knows or lacks, in a few words, such as ``"never sees the film"``.
    """

    name: str
    estimate: Estimate
    undefined: int
    per_map: Estimate | None = None
    negatives: int = 0
    spec: str = PRIOR
    knows: str = "never sees the film"


@dataclass(frozen=True)
class MethodRow:
    """One method's maps of one model, measured.

    Attributes:
        estimate: The mean over maps with a defined score, or the metric of the whole data set;
            ``cases`` counts these maps.
        undefined: Number of maps whose score is undefined, or which cannot be scored.
        difference: How much better it is than the prior, paired by film: method minus prior, or
            prior minus method where lower is better; None without a prior.
        corrected: Two-sided p of that difference, corrected (Holm) over the family; nan where there
            is none, or nothing is concluded from it.
        per_map: Mean of what a metric of data sets gives to each map; None for metrics of maps.
        negatives: Number of films without the finding that a metric of data sets counts as well.
    """

    model: str
    method: str
    estimate: Estimate
    undefined: int
    difference: Estimate | None = None
    per_map: Estimate | None = None
    negatives: int = 0
    corrected: float = float("nan")


@dataclass(frozen=True)
class Localization:
    """One forest plot: one finding on one data set by one metric.

    Attributes:
        rows: One per model and method.
        prior: The mean mask, which every method is compared with; None where it was not scored.
        model: The model whose probabilities all rows use; empty where they use none.
        controls: The other controls; no method is compared with them.
        counts: Whether its reader is the one who counts; each finding has one such panel for a
            metric (and model), however many readers marked it.
    """

    dataset: str
    finding: str
    metric: str
    rows: tuple[MethodRow, ...]
    prior: ControlRow | None = None
    model: str = ""
    controls: tuple[ControlRow, ...] = ()
    counts: bool = True

    @property
    def every_control(self) -> tuple[ControlRow, ...]:
        """The prior, where it was scored, and the other controls."""
        return (self.prior, *self.controls) if self.prior else self.controls


def localization(
    scores: Scores,
    predictions: Predictions,
    films: Films,
    metrics: TunedMetrics,
    intervals: Intervals,
) -> Iterator[Localization]:
    """One panel per data set, finding (and reader, where there are several) and metric.

    A metric of data sets has one panel for each model, whose probabilities it uses.

    Args:
        scores: Scores of maps and controls, none of them set aside.
        predictions: Predictions of every model that made maps.
        films: The films of every data set.
        metrics: The metrics that the scores were measured by.
        intervals: How intervals are made.
    """
    readers = scores.frame.group_by("data", "finding").agg(pl.col("reader").n_unique())
    several = {(data, finding) for data, finding, count in readers.iter_rows() if count > 1}
    counting = films.counting().readers
    for (data, finding, reader, spec), rows in scores.by("data", "finding", "reader", "metric"):
        maps, controls = rows.of_models(), rows.of_controls()
        panel = Localization(
            dataset=data,
            finding=f"{finding} ({reader})" if (data, finding) in several else finding,
            metric=spec,
            rows=(),
            counts=(data, finding) not in several or counting.get((data, finding)) == reader,
        )
        panels: list[Localization] = []
        part = metrics.parts[spec]
        if not isinstance(part, DatasetMetric):
            if len(maps):
                means = _OfMaps(intervals, lower_is_better(part), unbounded(part))
                panels.append(_filled(panel, means, maps, controls))
        else:
            for (model,), of_model in maps.by("model"):
                rows_of_films = films_that_count(of_model, predictions.where(model=model), films)
                whole = _OfDataset(intervals, metrics, spec, model, finding, rows_of_films)
                panels.append(_filled(replace(panel, model=model), whole, of_model, controls))
        # A rare finding keeps its panel without intervals: its values describe these films.
        enough = intervals.enough(maps.films_marked())
        yield from panels if enough else map(without_intervals, panels)


def corrected(panels: Iterable[Localization], intervals: Intervals) -> tuple[Localization, ...]:
    """The panels with p-values of differences to the prior that are corrected over the family.

    The family is all methods, findings and metrics of the report, or the methods of one panel.
    """
    panels = tuple(panels)
    cells = [(number, row) for number, panel in enumerate(panels) for row in panel.rows]
    p = np.array(
        [
            row.difference.p if row.difference and not row.difference.hindrance else float("nan")
            for _, row in cells
        ]
    )
    for family in intervals.families(number for number, _ in cells).values():
        p[family] = adjusted(p[family])
    values = iter(p.tolist())
    return tuple(
        replace(panel, rows=tuple(replace(row, corrected=next(values)) for row in panel.rows))
        for panel in panels
    )


@dataclass(frozen=True)
class _OfMaps:
    """Estimates by a metric of maps: means of one number per map."""

    intervals: Intervals
    lower_is_better: bool
    unbounded: bool

    def fields(self, maps: Scores) -> dict[str, Any]:
        """The fields that ``MethodRow`` and ``ControlRow`` share, for the maps of one method."""
        values = maps.frame["value"].to_numpy()
        # Most scores lie in [0, 1]; distances, counts and ratios have no upper bound.
        mean = estimates.mean if self.unbounded else bounded.mean
        estimate = mean(values, **self.intervals.over(maps.frame))
        return {"estimate": estimate, "undefined": int(np.isnan(values).sum())}

    def difference(self, maps: Scores, prior: Scores) -> Estimate:
        """Maps minus prior, or where lower is better prior minus maps, where both are defined."""
        of_prior = prior.frame.select("image_id", prior="value")
        # An inner join leaves the films that both have, so that the difference is paired.
        paired = maps.frame.join(of_prior, on="image_id")
        first, second = paired["value"].to_numpy(), paired["prior"].to_numpy()
        if self.lower_is_better:
            first, second = second, first
        return estimates.difference(first, second, **self.intervals.over(paired))


@dataclass(frozen=True)
class _OfDataset:
    """Estimates by a metric of data sets: one number for all films.

    Attributes:
        intervals: How intervals are made.
        metrics: The metrics, with tuned options.
        spec: Spec of the metric.
        model: The model whose methods are measured.
        finding: The finding that is explained.
        films: One row per film that counts (see ``detections.films_that_count``).
    """

    intervals: Intervals
    metrics: TunedMetrics
    spec: str
    model: str
    finding: str
    films: pl.DataFrame

    def metric(self, maps: Scores) -> DatasetMetric:
        """The metric with the options that were tuned for the method that made these maps."""
        model, method = maps.frame["model"][0], str(maps.frame["method"][0])
        # A row of another name than the model is a control, whose options are tuned without one.
        measures = self.metrics.of(self.model if model == self.model else NO_MODEL, method)
        part = specialize(measures[self.spec], self.finding)
        assert isinstance(part, DatasetMetric)
        return part

    def fields(self, maps: Scores) -> dict[str, Any]:
        """The fields that ``MethodRow`` and ``ControlRow`` share, for the maps of one method."""
        seen = detections(self.films, maps)
        marked = seen.regions > 0
        alone = of_films(self.films, maps)["value"].fill_null(float("nan")).to_numpy()[marked]
        return {
            "estimate": self._estimate(
                seen, partial(self.metric(maps).of_dataset, seen), (0.0, 1.0)
            ),
            "undefined": int(np.isnan(seen.seen[marked, 0]).sum()),
            "per_map": bounded.mean(alone, **self.intervals.over(self.films.filter(marked))),
            "negatives": int((~marked).sum()),
        }

    def difference(self, maps: Scores, prior: Scores) -> Estimate:
        """Maps minus prior, without the films with the finding on which either is undefined."""
        first, second = (detections(self.films, scores) for scores in (maps, prior))
        of_maps, of_prior = self.metric(maps).of_dataset, self.metric(prior).of_dataset
        # A film with the finding on which one side is undefined counts for neither side.
        both = np.isfinite(first.seen[:, :1]) & np.isfinite(second.seen[:, :1])
        first = replace(first, seen=np.where(both, first.seen, np.nan))
        second = replace(second, seen=np.where(both, second.seen, np.nan))

        def gain(weights: Float[np.ndarray, "b n"]) -> Float[np.ndarray, " b"]:
            # Both sides take the same draw of films, which makes the interval that of a paired one.
            return np.asarray(of_maps(first, weights) - of_prior(second, weights))

        return self._estimate(first, gain, (-1.0, 1.0))

    def _estimate(
        self, seen: Detections, compute: estimates.Statistic, bounds: estimates.Bounds
    ) -> Estimate:
        cases = (seen.regions > 0) & np.isfinite(seen.seen[:, 0])
        return estimates.statistic(compute, cases, **self.intervals.over(self.films), bounds=bounds)


def _filled(
    panel: Localization, estimator: _OfMaps | _OfDataset, maps: Scores, control_scores: Scores
) -> Localization:
    """The panel with a row per method, and the controls on the films of these maps."""
    rows, prior = [], control_scores.of_control(PRIOR)
    for (model, method), of_method in maps.by("model", "method"):
        films = of_method.frame["image_id"].to_list()
        paired = prior.frame["image_id"].is_in(films).any()
        difference = estimator.difference(of_method, prior) if paired else None
        rows.append(MethodRow(model, method, difference=difference, **estimator.fields(of_method)))
    # Controls are restricted to films that have a map, so that both rest on the same films.
    mapped = maps.frame["image_id"].unique().to_list()
    controls = [
        _control(spec, estimator.fields(of_control))
        for (spec,), of_control in control_scores.where(pl.col("image_id").is_in(mapped)).by(
            "method"
        )
    ]
    return replace(
        panel,
        rows=tuple(rows),
        prior=next((control for control in controls if control.spec == PRIOR), None),
        controls=tuple(control for control in controls if control.spec != PRIOR),
    )


def _control(spec: str, fields: dict[str, Any]) -> ControlRow:
    part = control_named(spec)
    return ControlRow(part.title, spec=spec, knows=part.knows, **fields)
