"""A sweep: search, select, and report.

Writes into the run folder ``best.toml`` (an experiment with the best model of every family),
``sweep.parquet`` (one row per trial) and ``sweep.html``.  Localization, where it is asked for, is
measured after selection, by the ordinary stages and the ordinary analysis.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import tomlkit

from heatproof.analysis.localization import Localization, localization
from heatproof.errors import ExperimentError
from heatproof.experiment.claim import claim
from heatproof.experiment.file import Experiment
from heatproof.experiment.model import ModelEntry
from heatproof.experiment.settings import ClassificationSettings
from heatproof.experiment.workspace import Workspace, open_workspace
from heatproof.progress import Progress, Silent
from heatproof.report.questions import intervals_of
from heatproof.run import pipeline
from heatproof.sweep import page
from heatproof.sweep.attempt import attempt
from heatproof.sweep.cluster import on_ray
from heatproof.sweep.content import sweep_content
from heatproof.sweep.search import Runner, Trial, Tried, search
from heatproof.sweep.space import Family, families
from heatproof.sweep.trials import TrialLocalization, TrialTable
from heatproof.tables.units import write_whole
from heatproof.types import Estimate

BEST, PAGE = "best.toml", "sweep.html"
LOCALIZATION_FOLDER = "localization"  # folder of the run that measures the maps of the trials


@dataclass(frozen=True)
class Swept:
    """What a sweep wrote.

    Attributes:
        tried: Every family with its trials.
        best: The experiment file with the best model of every family.
        page: The page that shows all trials.
    """

    tried: tuple[Tried, ...]
    best: Path
    page: Path


def sweep(
    experiment: Experiment, progress: Progress | None = None, ray: str | None = None
) -> Swept:
    """Run a sweep, or what is missing of it.

    Args:
        experiment: An experiment with a ``[sweep]``.
        progress: Hears of every trial.
        ray: Address of the Ray cluster that trains the trials; None to train them here.

    Raises:
        HeatproofError: It cannot be run as described; nothing that was done is lost.
    """
    progress = progress or Silent()
    settings = experiment.sweep
    if settings is None:
        raise ExperimentError(f"{experiment.file_name} has no [sweep]: it does not say what to try")
    progress.start("check", 1)
    work = open_workspace(experiment)
    searched = families(work, settings)
    # The folder is made after all checks: a faulty file leaves nothing behind.
    claim(experiment)
    progress.advance()
    progress.finish()
    with _runner(work, settings.at_once, progress, ray) as run:
        tried = search(work, settings, searched, run, progress)
    write_whole(work.folder / f"{TrialTable.name}.parquet", _trials(work, tried).frame)
    write_whole(work.folder / BEST, _best(work, tried))
    measured = _localization(work, tried, progress) if settings.localize else None
    if measured is not None:
        write_whole(work.folder / f"{TrialLocalization.name}.parquet", measured.frame)
    content = sweep_content(experiment.name, settings, tried, measured)
    write_whole(work.folder / PAGE, page.render_sweep(content))
    return Swept(tried, work.folder / BEST, work.folder / PAGE)


@contextmanager
def _runner(work: Workspace, at_once: int, progress: Progress, ray: str | None) -> Iterator[Runner]:
    """What trains trials: this process, or the machines of a cluster."""
    if ray is not None:
        with on_ray(work, ray, at_once) as run:
            yield run
        return
    yield lambda attempts: (attempt(work, task, progress) for task in attempts)


def _best(work: Workspace, tried: Sequence[Tried]) -> str:
    """The experiment as it was written, with the best models instead of the search."""
    experiment = work.experiment
    best = {record.family.name: record.family.with_values(record.best.values) for record in tried}
    # tomlkit keeps the comments and the layout of what is not replaced.
    document = tomlkit.parse(experiment.text)
    document.pop("sweep")
    document["models"] = [
        best.get(model.name, model).model_dump(exclude_defaults=True) for model in experiment.models
    ]
    folder = work.folder.resolve()
    # In the run folder, so that the models that are trained there are found.
    document["output"] = os.path.relpath(folder, experiment.folder)
    document["paths_from"] = os.path.relpath(experiment.folder, folder)
    return tomlkit.dumps(document)


def _trials(work: Workspace, tried: Sequence[Tried]) -> TrialTable:
    """One row per trial; a parameter that does not apply is null."""
    names = dict.fromkeys(name for record in tried for name in record.family.space)
    rows: list[dict[str, Any]] = [
        {
            "family": record.family.name,
            "trial": trial.number,
            "state": trial.state,
            "selected": trial is record.best,
            "validation_auroc": trial.auroc,
            "epochs": trial.epochs,
            "seconds": trial.seconds,
            **{name: trial.values.get(name) for name in names},
            "reason": trial.reason or None,
            "model": trial.folder and os.path.relpath(trial.folder, work.folder),
        }
        for record in tried
        for trial in record.trials
    ]
    for name in names:
        # A column that mixes counts and shares is text, since 1 and 1.0 are not the same.
        if len({type(row[name]) for row in rows if row[name] is not None}) > 1:
            for row in rows:
                row[name] = None if row[name] is None else str(row[name])
    return TrialTable(
        # Polars would infer the types of searched parameters from the first 100 rows alone.
        pl.DataFrame(rows, schema_overrides=TrialTable.schema(), infer_schema_length=None)
    )


def _localization(work: Workspace, tried: Sequence[Tried], progress: Progress) -> TrialLocalization:
    """What the maps of every complete trial reach, beside the prior."""
    trials = [(record.family, trial) for record in tried for trial in record.complete]
    models = [_as_judge(family, trial) for family, trial in trials]
    trial_of = {
        model.name: {"family": family.name, "trial": trial.number}
        for model, (family, trial) in zip(models, trials, strict=True)
    }
    experiment = _of_trials(work, models)
    opened, written = pipeline.measure(experiment, progress)
    panels = localization(
        written.scores,
        written.predictions,
        written.films,
        opened.tuned_metrics,
        intervals_of(experiment),
    )
    return TrialLocalization.of_rows(
        {
            **trial_of.get(model, {}),
            "data": panel.dataset,
            "finding": panel.finding,
            "metric": panel.metric,
            "method": method,
            "value": estimate.value,
            "low": estimate.low,
            "high": estimate.high,
        }
        for panel in panels
        for model, method, estimate in _estimates(panel)
    )


def _of_trials(work: Workspace, models: list[ModelEntry]) -> Experiment:
    """The experiment with the trials as its models, and nothing beside them but the prior."""
    experiment = work.experiment
    changes = {
        "models": models,
        "maps": [],
        "score": experiment.score.model_copy(update={"controls": []}),
        "output": str(work.folder.resolve() / LOCALIZATION_FOLDER),
        "classification": ClassificationSettings(),
    }
    return experiment.model_copy(update=changes)


def _estimates(panel: Localization) -> Iterator[tuple[str, str, Estimate]]:
    """Model, method and estimate of everything in a panel; a control has no model of a trial."""
    yield from ((row.model, row.method, row.estimate) for row in panel.rows)
    for control in panel.every_control:
        yield panel.model, control.spec, control.estimate


def _as_judge(family: Family, trial: Trial) -> ModelEntry:
    """The model of a trial, which judges what the models of its family judge."""
    assert trial.folder is not None
    entry = family.model
    return ModelEntry(
        name=f"{entry.name}, trial {trial.number}",
        card=str(trial.folder.resolve()),
        data=entry.data,
        judges=entry.judges,
    )
