"""Stage: what metrics leave open is chosen on films that nobody judges, method by method.

The tuning films are scored with every candidate, as judged films are, and in the same units; then
each finding takes the candidate of the best mean.  Controls are tuned like methods.  A metric of
data sets needs probabilities: a control is tuned with those of the first model.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from heatproof.experiment.workspace import Workspace
from heatproof.localize import DatasetMetric, Metric, lower_is_better
from heatproof.maps.tuning import Tuned, candidates, tunable
from heatproof.progress import Progress
from heatproof.stages.blocks import Judged
from heatproof.stages.control_maps import control_tasks
from heatproof.stages.detections import of_dataset
from heatproof.stages.framing import geometry_of
from heatproof.stages.scoring import Task, block_task, score


@dataclass(frozen=True)
class _Trial:
    """One metric with one candidate."""

    spec: str
    value: float
    metric: Metric

    @property
    def name(self) -> str:
        """That its scores have in their units."""
        return f"{self.spec} at {self.value!r}"


def tune(work: Workspace, tuning: Sequence[Judged], progress: Progress) -> Workspace:
    """The experiment with every choice made; itself where nothing is to be tuned.

    Args:
        work: The experiment, opened.
        tuning: What was explained of the tuning films.
        progress: Hears of every unit.
    """
    trials = [
        _Trial(spec, value, tried)
        for spec, metric in work.metrics.items()
        for value, tried in candidates(metric).items()
    ]
    if not trials or not tuning:
        return work
    trying = replace(work, metrics={trial.name: trial.metric for trial in trials})
    tasks = list(_tasks(trying, tuning))
    progress.start("tune", len(tasks))
    score(trying, tasks, progress)
    progress.finish()
    scores = trying.scores.read(task.name for task in tasks)
    scores = scores.filter(pl.col("reason").is_null())
    told = work.predictions.read(block.predicted for one in tuning for block in one.blocks)
    found = _chosen(work, trials, scores, told.filter(pl.col("reason").is_null()))
    return replace(work, tuned=tuple(found))


def _tasks(work: Workspace, tuning: Sequence[Judged]) -> Iterator[Task]:
    for one in tuning:
        for method in one.methods:
            for block in one.blocks:
                yield block_task(work, block, method, geometry_of(one))
    yield from control_tasks(work, tuning[0].judging.films, tuning)


def _chosen(
    work: Workspace, trials: Sequence[_Trial], scores: pl.DataFrame, predictions: pl.DataFrame
) -> Iterator[Tuned]:
    """By metric, model, method and finding; by the first reader of each finding."""
    first = pl.col("reference").first().over("finding")
    made = scores.filter(pl.col("reference") == first)
    keys = ["data", "group", "method", "finding"]
    for (data, group, method, finding), rows in made.group_by(keys, maintain_order=True):
        films = rows.filter(pl.col("regions") > 0)["image_id"].n_unique()
        told = predictions.filter(group=str(group) or predictions["group"][0])
        for spec in dict.fromkeys(trial.spec for trial in trials):
            part = tunable(work.metrics[spec])
            own = [trial for trial in trials if trial.spec == spec]
            means = {trial.value: _mean(work, trial, rows, told) for trial in own}
            value = part.choose(means, str(finding)) if part else None
            if value is not None:
                which = (str(data), str(group), str(method), spec, str(finding))
                yield Tuned(*which, value, abs(means[value]), films)


def _mean(work: Workspace, trial: _Trial, rows: pl.DataFrame, predictions: pl.DataFrame) -> float:
    """What a candidate reaches, the more the better; nan where that is undefined."""
    own, metric = rows.filter(pl.col("metric") == trial.name), trial.metric
    if isinstance(metric, DatasetMetric):
        return of_dataset(work, metric, own, predictions)
    mean = own["value"].fill_nan(None).mean()
    sign = -1 if lower_is_better(metric) else 1
    return sign * mean if isinstance(mean, float) else float("nan")
