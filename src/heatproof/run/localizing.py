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

from heatproof.localize import DatasetMetric, Detections, lower_is_better, specialize
from heatproof.report.measured import Control, Localization, Row
from heatproof.run.controls import PRIOR, READERS
from heatproof.run.rare import described_panel, marked
from heatproof.run.resampling import resampling
from heatproof.run.workspace import Workspace
from heatproof.stats import bootstrap, bounded
from heatproof.types import Estimate

PRIOR_NAME = "mean-mask prior"
KNOWN = {
    PRIOR: (PRIOR_NAME, "never sees the film"),
    "centre": ("image centre", "never sees the film"),
    "edges": ("edges of the film", "never sees the model"),
    "random": ("random map", "sees nothing"),
    "readers": ("the other readers", "where another marked it too"),
    READERS: ("the human benchmark", "readers who looked at every film"),
}
CEILING = "ceiling("


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


def of_dataset(
    work: Workspace, metric: DatasetMetric, maps: pl.DataFrame, predictions: pl.DataFrame
) -> float:
    """A metric of the maps of one method, finding and reader, without an interval.

    Args:
        work: The experiment.
        metric: Of one finding.
        maps: Rows of ``scores``.
        predictions: Of the model.
    """
    if maps.is_empty():
        return float("nan")
    films, found = detections_of(work, maps, predictions)
    return float(metric.of_dataset(found, np.ones((1, len(films))))[0])


def detections_of(
    work: Workspace, maps: pl.DataFrame, predictions: pl.DataFrame
) -> tuple[pl.DataFrame, Detections]:
    """The films that count, and what one method says of them; arguments as in ``of_dataset``."""
    data, finding, reference = (str(maps[name][0]) for name in ("data", "finding", "reference"))
    films = _films(work, predictions.filter(data=data), maps, finding, reference)
    return films, _detections(films, maps)


def _detections(films: pl.DataFrame, maps: pl.DataFrame) -> Detections:
    seen = [row or () for row in _joined(films, maps)["seen"].to_list()]
    padded = np.full((len(seen), max([1, *map(len, seen)])), np.nan)
    for row, numbers in zip(padded, seen, strict=True):
        row[: len(numbers)] = numbers
    probabilities = films["probability"].to_numpy()
    if maps["method"].eq(READERS).all():  # no classifier calls a film for them
        probabilities = np.ones_like(probabilities)
    return Detections(
        padded,
        films["regions"].to_numpy(),
        probabilities,
        films["annotated"].to_numpy(),
        films["agreed"].to_numpy(),
    )


def _joined(films: pl.DataFrame, maps: pl.DataFrame) -> pl.DataFrame:
    told = maps.select("image_id", "value", "seen")
    return films.join(told, on="image_id", how="left", maintain_order="left")


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
    if spec.startswith(CEILING):
        size = spec.removeprefix(CEILING).removesuffix(")").replace("x", " × ", 1)
        return Control(f"best at {size}", spec=spec, knows="the reference itself, coarse", **fields)
    name, knows = KNOWN[spec]
    return Control(name, spec=spec, knows=knows, **fields)


def _films(
    work: Workspace, predictions: pl.DataFrame, maps: pl.DataFrame, finding: str, reference: str
) -> pl.DataFrame:
    """The films that count: those with a marked region, and those that are labelled negative.

    A film that has the finding, by its label, but no region could be neither hit nor missed.
    """
    marked = maps.filter(pl.col("regions") > 0).group_by("image_id").agg(pl.col("regions").first())
    films = predictions.filter(
        (pl.col("finding") == finding) & pl.col("probability").is_finite()
    ).join(marked, on="image_id", how="left", maintain_order="left")
    films = films.filter(pl.col("regions").is_not_null() | ~pl.col("label").fill_null(True))
    drawn: dict[str, set[tuple[str, str]]] = {}
    for name in films["data"].unique():
        for sample in work.data[name].samples:
            marks = (*sample.annotations, *sample.benchmark)
            drawn[sample.image_id] = {(mark.finding, mark.source) for mark in marks}
    readers = {(f, source) for pairs in drawn.values() for f, source in pairs if f == finding}
    own = [drawn[image_id] for image_id in films["image_id"]]
    return films.with_columns(
        pl.col("regions").fill_null(0).cast(pl.Int64),
        pl.Series(
            "annotated", [any(s == reference for _, s in pairs) for pairs in own], pl.Boolean
        ),
        pl.Series("agreed", [readers <= pairs for pairs in own], pl.Boolean),
    )
