"""Scores to estimates: how well each method's maps find each finding, and the controls likewise.

A metric of maps is told as the mean over maps.  A metric of data sets joins what it saw of each map
with the model's probability of that film, and adds the films without the finding.  Every model has
its own probabilities, so each has a panel of its own; controls are ranked by them too, so that a
difference to it is one of place alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from heatproof.analysis.intervals import _described, resampling
from heatproof.analysis.rare import marked
from heatproof.experiment.workspace import Workspace
from heatproof.localize import DatasetMetric, Detections, lower_is_better, specialize
from heatproof.localize.controls import PRIOR, control_named
from heatproof.stages.detections import _detections, _films, _joined
from heatproof.stats import bootstrap, bounded
from heatproof.types import Estimate


@dataclass(frozen=True)
class Control:
    """A map made without the model, judged like the others.

    Attributes:
        spec: Its name in tables, such as ``"mean_mask"``.
        name: For people.
        estimate: Over the same images.
        undefined: Images on which the metric is undefined.
        per_map: As in ``Row``.
        negatives: As in ``Row``.
        knows: In a few words, such as ``"never sees the film"``.
    """

    name: str
    estimate: Estimate
    undefined: int
    per_map: Estimate | None = None
    negatives: int = 0
    spec: str = "mean_mask"
    knows: str = "never sees the film"


@dataclass(frozen=True)
class Row:
    """One method's maps of one model, measured.

    Attributes:
        estimate: Mean over the defined cases, or the metric of the whole data set, with ``cases``
            how many defined ones stand behind it.
        undefined: Cases on which the metric is undefined, or the map not to be scored.
        difference: By how much it is better than the prior, paired by image: this minus the prior,
            or where lower is better the prior minus this; None without a prior.
        per_map: Mean of what a metric of data sets sees of each map (``Metric.per_map``).
        negatives: Films without the finding that such a metric counts besides the cases.
    """

    model: str
    method: str
    estimate: Estimate
    undefined: int
    difference: Estimate | None = None
    per_map: Estimate | None = None
    negatives: int = 0


@dataclass(frozen=True)
class Localization:
    """One forest plot: one finding on one data set by one metric.

    Attributes:
        prior: The mean mask: what every method is compared with.
        model: Whose probabilities the metric and the prior use; empty where they use none.
        controls: What else is measured without the model; nothing is compared with it.
    """

    dataset: str
    finding: str
    metric: str
    rows: tuple[Row, ...]
    prior: Control | None = None
    model: str = ""
    controls: tuple[Control, ...] = ()


def described_panel(panel: Localization) -> Localization:
    """The same values, without intervals."""
    one = panel.prior
    return replace(
        panel,
        rows=tuple(replace(row, **_described(row)) for row in panel.rows),
        prior=None if one is None else replace(one, **_described(one)),
        controls=tuple(replace(control, **_described(control)) for control in panel.controls),
    )


def localization(
    work: Workspace, scores: pl.DataFrame, predictions: pl.DataFrame
) -> Iterator[Localization]:
    """One panel per data set, finding (and reader, where there are several) and metric.

    Of a metric of data sets, one for each model.
    """
    readers = scores.group_by("data", "finding").agg(pl.col("reference").n_unique())
    several = {(data, finding) for data, finding, count in readers.iter_rows() if count > 1}
    keys = ["data", "finding", "reference", "metric"]
    for (data, finding, reference, metric), panel in scores.group_by(keys, maintain_order=True):
        made, controls = panel.filter(pl.col("group") != ""), panel.filter(pl.col("group") == "")
        named = Localization(
            dataset=str(data),
            finding=f"{finding} ({reference})" if (data, finding) in several else str(finding),
            metric=str(metric),
            rows=(),
        )
        part = work.metrics[str(metric)]
        if not isinstance(part, DatasetMetric):
            if len(made):
                estimator = _OfMaps(work, lower_is_better(part))
                yield _told(work, _filled(named, estimator, made, controls), made)
            continue
        for (group,), maps in made.group_by(["group"], maintain_order=True):
            told = predictions.filter((pl.col("data") == data) & (pl.col("group") == group))
            films = _films(work, told, maps, str(finding), str(reference))
            whole = _OfDataset(work, str(metric), str(group), str(finding), films)
            filled = _filled(replace(named, model=str(group)), whole, maps, controls)
            yield _told(work, filled, made)


def _told(work: Workspace, panel: Localization, made: pl.DataFrame) -> Localization:
    """Without intervals where the reader marked too few films."""
    enough = marked(made) >= work.experiment.statistics.min_positives
    return panel if enough else described_panel(panel)


@dataclass(frozen=True)
class _OfMaps:
    """The mean of one number per map."""

    work: Workspace
    lower_is_better: bool

    def fields(self, maps: pl.DataFrame) -> dict[str, Any]:
        """What ``Row`` and ``Control`` say of the maps of one method."""
        values = maps["value"].to_numpy()
        mean = bootstrap.mean if self.lower_is_better else bounded.mean
        estimate = mean(values, **resampling(self.work, maps))
        return {"estimate": estimate, "undefined": int(np.isnan(values).sum())}

    def difference(self, maps: pl.DataFrame, prior: pl.DataFrame) -> Estimate:
        """Maps minus prior, or where lower is better prior minus maps, where both are defined."""
        paired = maps.join(prior.select("image_id", prior="value"), on="image_id")
        ours, theirs = paired["value"].to_numpy(), paired["prior"].to_numpy()
        if self.lower_is_better:
            ours, theirs = theirs, ours
        return bootstrap.difference(ours, theirs, **resampling(self.work, paired))


@dataclass(frozen=True)
class _OfDataset:
    """One number of all films.

    Attributes:
        spec: Of the metric.
        group: The model whose methods are measured.
        finding: What is measured.
        films: One row per film that counts: ``image_id``, ``cluster`` and, as in ``Detections``,
            ``probability``, ``regions``, ``annotated`` and ``agreed``.
    """

    work: Workspace
    spec: str
    group: str
    finding: str
    films: pl.DataFrame

    def metric(self, maps: pl.DataFrame) -> DatasetMetric:
        """As it measures the method that made these maps."""
        own = maps["group"][0] == self.group
        parts = self.work.metrics_of(self.group if own else "", str(maps["method"][0]))
        found = specialize(parts[self.spec], self.finding)
        assert isinstance(found, DatasetMetric)
        return found

    def fields(self, maps: pl.DataFrame) -> dict[str, Any]:
        """What ``Row`` and ``Control`` say of the maps of one method."""
        found = self._detections(maps)
        marked = found.regions > 0
        alone = self._joined(maps)["value"].fill_null(float("nan")).to_numpy()[marked]
        drawn = resampling(self.work, self.films.filter(marked))
        return {
            "estimate": self._estimate(found, partial(self.metric(maps).of_dataset, found)),
            "undefined": int(np.isnan(found.seen[marked, 0]).sum()),
            "per_map": bounded.mean(alone, **drawn),
            "negatives": int((~marked).sum()),
        }

    def difference(self, maps: pl.DataFrame, prior: pl.DataFrame) -> Estimate:
        """Maps minus prior, a film with the finding counting where both are defined."""
        first, second = self._detections(maps), self._detections(prior)
        ours, theirs = self.metric(maps).of_dataset, self.metric(prior).of_dataset
        both = np.isfinite(first.seen[:, :1]) & np.isfinite(second.seen[:, :1])
        first = replace(first, seen=np.where(both, first.seen, np.nan))
        second = replace(second, seen=np.where(both, second.seen, np.nan))

        def gain(weights: Float[np.ndarray, "b n"]) -> Float[np.ndarray, " b"]:
            return np.asarray(ours(first, weights) - theirs(second, weights))

        return self._estimate(first, gain)

    def _estimate(self, found: Detections, compute: bootstrap.Statistic) -> Estimate:
        cases = (found.regions > 0) & np.isfinite(found.seen[:, 0])
        return bootstrap.statistic(compute, cases, **resampling(self.work, self.films))

    def _detections(self, maps: pl.DataFrame) -> Detections:
        return _detections(self.films, maps)

    def _joined(self, maps: pl.DataFrame) -> pl.DataFrame:
        return _joined(self.films, maps)


def _filled(
    panel: Localization, estimator: _OfMaps | _OfDataset, made: pl.DataFrame, beside: pl.DataFrame
) -> Localization:
    rows, prior = [], beside.filter(pl.col("method") == PRIOR)
    for (group, method), maps in made.group_by(["group", "method"], maintain_order=True):
        paired = prior["image_id"].is_in(maps["image_id"].to_list()).any()
        difference = estimator.difference(maps, prior) if paired else None
        rows.append(Row(str(group), str(method), difference=difference, **estimator.fields(maps)))
    judged = beside.filter(pl.col("image_id").is_in(made["image_id"].unique().to_list()))
    controls = [
        _control(str(spec), estimator.fields(maps))
        for (spec,), maps in judged.group_by(["method"], maintain_order=True)
    ]
    return replace(
        panel,
        rows=tuple(rows),
        prior=next((control for control in controls if control.spec == PRIOR), None),
        controls=tuple(control for control in controls if control.spec != PRIOR),
    )


def _control(spec: str, fields: dict[str, Any]) -> Control:
    part = control_named(spec)
    return Control(part.title, spec=spec, knows=part.knows, **fields)
