"""A sweep: search, select, and say what was found.

Writes into the run folder ``best.toml`` (an experiment with the best model of every family),
``sweep.parquet`` (one row per trial) and ``sweep.html``.  Localization, where it is asked for, is
measured after selection, by the ordinary stages.
"""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import tomlkit

from heatproof.errors import ExperimentError
from heatproof.experiment.file import Experiment
from heatproof.experiment.model import Model
from heatproof.experiment.settings import Classification, Report
from heatproof.experiment.settings import Sweep as Asked
from heatproof.experiment.workspace import Workspace, open_workspace
from heatproof.localize.controls import PRIOR
from heatproof.progress import Progress, Silent
from heatproof.run import pipeline
from heatproof.sweep import page
from heatproof.sweep.attempt import attempt, decoded
from heatproof.sweep.cluster import on_ray
from heatproof.sweep.search import Runner, Trial, Tried, search, trials_of
from heatproof.sweep.space import Family, families
from heatproof.tables.units import write_whole

BEST, TABLE, PAGE = "best.toml", "sweep.parquet", "sweep.html"
LOCALIZATION, MEASURED = "localization", "sweep_localization.parquet"
_AUROC = "validation AUROC"


@dataclass(frozen=True)
class Swept:
    """What a sweep wrote.

    Attributes:
        tried: Every family with its trials.
        best: The experiment of the best.
        page: All trials, to look at.
    """

    tried: tuple[Tried, ...]
    best: Path
    page: Path


def sweep(
    experiment: Experiment, progress: Progress | None = None, ray: str | None = None
) -> Swept:
    """Run a sweep, or what is missing of it.

    Args:
        experiment: With a ``[sweep]``.
        progress: Hears of every trial.
        ray: Address of the Ray cluster that trains the trials; None to train them here.

    Raises:
        HeatproofError: It cannot be run as described; nothing that was done is lost.
    """
    progress = progress or Silent()
    asked = experiment.sweep
    if asked is None:
        raise ExperimentError(f"{experiment.file_name} has no [sweep]: it does not say what to try")
    progress.start("check", 1)
    work = open_workspace(experiment)
    found = families(work, asked)
    work.folder.mkdir(parents=True, exist_ok=True)
    progress.advance()
    progress.finish()
    with _runner(work, found, asked.at_once, progress, ray) as run:
        tried = search(work, asked, found, run, progress)
    write_whole(work.folder / TABLE, _table(work, tried))
    write_whole(work.folder / BEST, _best(work, tried))
    measured = _localization(work, tried, progress) if asked.localize else None
    if measured is not None:
        write_whole(work.folder / MEASURED, measured)
    shown = _content(work, asked, tried, measured)
    write_whole(work.folder / PAGE, page.render_sweep(shown))
    return Swept(tried, work.folder / BEST, work.folder / PAGE)


@contextmanager
def _runner(
    work: Workspace,
    families: tuple[Family, ...],
    at_once: int,
    progress: Progress,
    ray: str | None,
) -> Iterator[Runner]:
    """What trains trials: this process, or the machines of a cluster."""
    if ray is not None:
        with on_ray(work, families, ray, at_once) as run:
            yield run
        return
    here = decoded(work, families)
    yield lambda attempts: (attempt(here, task, progress) for task in attempts)


def _best(work: Workspace, tried: Sequence[Tried]) -> str:
    """The experiment as it was written, with the best models instead of the search."""
    experiment = work.experiment
    best = {one.family.name: one.family.with_values(one.best.values) for one in tried}
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


def _table(work: Workspace, tried: Sequence[Tried]) -> pl.DataFrame:
    """One row per trial; a parameter that does not apply is null."""
    names = dict.fromkeys(name for one in tried for name in one.family.space)
    rows: list[dict[str, Any]] = [
        {
            "family": one.family.name,
            "trial": trial.number,
            "state": trial.state,
            "selected": trial is one.best,
            "validation_auroc": trial.auroc,
            "epochs": trial.epochs,
            "seconds": trial.seconds,
            **{name: trial.values.get(name) for name in names},
            "reason": trial.reason or None,
            "model": trial.folder and os.path.relpath(trial.folder, work.folder),
        }
        for one in tried
        for trial in one.trials
    ]
    for name in names:
        # A column that mixes counts and shares is text, since 1 and 1.0 are not the same.
        if len({type(row[name]) for row in rows if row[name] is not None}) > 1:
            for row in rows:
                row[name] = None if row[name] is None else str(row[name])
    return pl.DataFrame(
        rows,
        schema_overrides={"reason": pl.String, "model": pl.String},
        infer_schema_length=None,
    )


def _localization(work: Workspace, tried: Sequence[Tried], progress: Progress) -> pl.DataFrame:
    """Estimates of every completed trial, and of the prior (family and trial null)."""
    experiment = work.experiment
    models = [(one, trial, _judge(one, trial)) for one in tried for trial in one.complete]
    judged = experiment.model_copy(
        update={
            "models": [model for _, _, model in models],
            "maps": [],
            "score": experiment.score.model_copy(update={"controls": []}),
            "output": str(work.folder.resolve() / LOCALIZATION),
            "classification": Classification(),
            "report": Report(gallery=0),
            "sweep": None,
        }
    )
    pipeline.run(judged, "report", progress)
    estimates = pl.read_parquet(work.folder / LOCALIZATION / "estimates.parquet")
    schema = {"family": pl.String, "trial": pl.Int64, "model": pl.String}
    names = pl.DataFrame(
        [(one.family.name, trial.number, model.name) for one, trial, model in models],
        schema=schema,
        orient="row",
    )
    columns = ["data", "finding", "metric", "method", "value", "low", "high"]
    if "method" not in estimates.columns:  # nothing is annotated
        return pl.DataFrame(schema=schema | dict.fromkeys(columns, pl.String)).drop("model")
    levels = estimates.filter(
        pl.col("method").is_not_null() & pl.col("statistic").is_in(["mean", "value"])
    )
    return levels.join(names, on="model", how="left").select("family", "trial", *columns)


def _judge(one: Tried, trial: Trial) -> Model:
    assert trial.folder is not None
    family = one.family.model
    return Model(
        name=f"{family.name}, trial {trial.number}",
        card=str(trial.folder.resolve()),
        data=family.data,
        judges=family.judges,
    )


def _content(
    work: Workspace, asked: Asked, tried: Sequence[Tried], measured: pl.DataFrame | None
) -> page.SweepContent:
    plans = [one.family.model.training for one in tried]
    low, high = page.span(_known([t.auroc for one in tried for t in one.trials]))
    plots = tuple(
        (
            one.family.name,
            tuple(
                page.TrialPlot(
                    one.family.name, _axis(one, name), _dots(one, name), _AUROC, low, high
                )
                for name in one.family.space
            ),
        )
        for one in tried
    )
    return page.SweepContent(
        title=work.experiment.name,
        trials=trials_of(asked, tried[0].family),
        validation=tuple(dict.fromkeys(plan.validation for plan in plans if plan)),
        chosen=tuple(_chosen(one) for one in tried),
        plots=plots,
        tables=tuple(_rows(one) for one in tried),
        localized=None if measured is None else tuple(_panels(tried, measured)),
    )


def _chosen(one: Tried) -> page.SelectedTrial:
    states = [trial.state for trial in one.trials]
    model = one.family.with_values(one.best.values)
    return page.SelectedTrial(
        family=one.family.name,
        architecture=model.backbone or "",
        head=model.head,
        values=tuple(one.best.values.items()),
        number=one.best.number,
        auroc=one.best.auroc,
        complete=states.count("complete"),
        pruned=states.count("pruned"),
        failed=states.count("failed"),
    )


def _axis(one: Tried, name: str) -> page.Axis:
    searched = one.family.space[name]
    if searched.choices:
        return page.Axis(name, choices=tuple(searched.choices))
    return page.Axis(name, float(searched.low or 0), float(searched.high or 0), searched.log)


def _dots(one: Tried, name: str) -> tuple[page.Dot, ...]:
    return tuple(
        page.Dot(trial.values[name], trial.auroc, _kind(one, trial), _words(trial))
        for trial in one.trials
        if not math.isnan(trial.auroc)
    )


def _kind(one: Tried, trial: Trial) -> page.TrialKind:
    if trial is one.best:
        return "best"
    return "pruned" if trial.state == "pruned" else "complete"


def _words(trial: Trial) -> str:
    values = ", ".join(f"{name} {page.value_text(value)}" for name, value in trial.values.items())
    return f"trial {trial.number} ({trial.state}): {values}; validation AUROC {trial.auroc:.3f}"


def _rows(one: Tried) -> page.TrialTable:
    names = tuple(one.family.space)
    return page.TrialTable(
        family=one.family.name,
        header=("Trial", *names, "Validation AUROC", "State", "Epochs"),
        rows=tuple(
            (
                str(trial.number),
                *(page.value_text(trial.values[name]) for name in names),
                "none" if math.isnan(trial.auroc) else f"{trial.auroc:.3f}",
                trial.state + (", selected" if trial is one.best else ""),
                str(trial.epochs),
            )
            for trial in one.trials
        ),
    )


def _panels(tried: Sequence[Tried], measured: pl.DataFrame) -> Iterator[page.MetricPlots]:
    """Against every parameter and, of every family, against what selected."""
    keys = ["metric", "method", "data", "finding"]
    made = measured.filter(pl.col("method") != PRIOR)
    for key, rows in made.group_by(keys, maintain_order=True):
        metric, method, data, finding = map(str, key)
        prior = measured.filter(
            (pl.col("method") == PRIOR) & (pl.col("family").is_null())
            & (pl.col("metric") == metric) & (pl.col("data") == data)
            & (pl.col("finding") == finding)
        )  # fmt: skip
        known = _known([*rows["value"], *prior["value"]])
        low, high = page.span(known)
        reference = next(iter(_known(prior["value"].to_list())), None)
        plots = []
        for one in tried:
            of = rows.filter(pl.col("family") == one.family.name)
            values = dict(of.select("trial", "value").iter_rows())
            axes = [_axis(one, name) for name in one.family.space]
            aurocs = page.span(_known([trial.auroc for trial in one.complete]))
            axes.append(page.Axis(_AUROC, *aurocs))
            plots += [
                page.TrialPlot(
                    one.family.name, axis, _measured_dots(one, axis, values), metric,
                    low, high, reference,
                )
                for axis in axes
            ]  # fmt: skip
        yield page.MetricPlots(f"{metric} of {method} for {finding} on {data}", tuple(plots))


def _measured_dots(one: Tried, axis: page.Axis, values: dict[int, float]) -> tuple[page.Dot, ...]:
    dots = []
    for trial in one.complete:
        value = values.get(trial.number, math.nan)
        if not math.isnan(value):
            x = trial.auroc if axis.name == _AUROC else trial.values[axis.name]
            dots.append(page.Dot(x, value, _kind(one, trial), f"{value:.3f}, {_words(trial)}"))
    return tuple(dots)


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None and not math.isnan(value)]
