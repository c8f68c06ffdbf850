"""Repeats a published study: checks its data, tells its cost, sweeps where it does, and runs."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import tomlkit

from heatproof.disk import UNFINISHED, is_folder, write_whole
from heatproof.errors import DataError, ExperimentError
from heatproof.experiment.file import Experiment, load
from heatproof.experiment.workspace import Workspace, open_workspace
from heatproof.progress import Progress, Silent
from heatproof.run.pipeline import check_experiment, run
from heatproof.studies import folders_of, table_of, text_of
from heatproof.studies.costs import study_costs
from heatproof.studies.tiny import tiny, write_phantoms
from heatproof.sweep.sweep import BEST, sweep
from heatproof.words import listed

TABLE = "tables/study.csv"
"""The table of the page that holds published numbers beside those here, in the output folder."""


@dataclass(frozen=True)
class Reproduced:
    """What came of it.

    Attributes:
        report: The page.
        table: Published numbers beside those here, one row each.
    """

    report: Path
    table: pl.DataFrame


def described(name: str, data: Path | None, output: Path, *, small: bool = False) -> Experiment:
    """The experiment of a study, written to the output folder so that it can be read and run.

    Args:
        name: Of the study.
        data: The folder that holds the data sets; with ``small`` phantoms are written into
            ``data`` of the output folder, and it is not looked at.
        output: Folder of everything that is written.
        small: Whether the tiny form is meant.

    Raises:
        ExperimentError: There is no such study, or no folder of data.
        DataError: The folder lacks data sets; every one is told.
    """
    table, text = table_of(name), text_of(name)
    output.mkdir(parents=True, exist_ok=True)
    if small:
        data = output / "data"
        if not data.exists():
            # Moved to its name when it is whole: a command that is killed here writes it again.
            unfinished = data.with_name(f"data{UNFINISHED}")
            shutil.rmtree(unfinished, ignore_errors=True)
            write_phantoms(unfinished, [entry["dataset"] for entry in table["data"]])
            unfinished.rename(data)
        text = tomlkit.dumps(tiny(table))
    if data is None:
        raise ExperimentError(
            f"{name} needs films: say --data FOLDER, a folder with {_listed(table)}, or --tiny for"
            " phantoms"
        )
    lacking = [root for root in folders_of(table) if not is_folder(data / root)]
    if lacking:
        what = f"lacks the folders {listed(lacking)}" if is_folder(data) else "is no folder"
        raise DataError(
            f"{data} {what}; {name} expects {_listed(table)} in it, each as"
            " it was downloaded (docs/reference/data-sets.md); links will do"
        )
    file = output / f"{name}.toml"
    write_whole(file, text)
    places = {"paths_from": str(data.resolve()), "output": str(output.resolve())}
    tells = f"heatproof reproduce {name} {'--tiny' if small else '--data FOLDER'}"
    return load(file, places, tells)


def _listed(table: dict[str, Any]) -> str:
    return ", ".join(folders_of(table))


def check_counts(work: Workspace) -> list[str]:
    """A sentence for each data set that agrees with the published counts.

    Raises:
        DataError: A data set has other counts; every difference is told.
    """
    told: list[str] = []
    wrong: list[str] = []
    study = work.experiment.study
    for name, counts in study.counts.items() if study else ():
        films = work.data[name]
        found = {"films": len(films.samples) + len(films.missing)}
        if counts.positive is not None:
            found["positive"] = sum(any(sample.labels.values()) for sample in films.samples)
        for what, number in found.items():
            published = getattr(counts, what)
            text = f"{name}: {number:,} {what}, published {published:,}"
            (told if number == published else wrong).append(text)
    if wrong:
        raise DataError(
            "these are not the films of the study: " + "; ".join(wrong) + ". Is the folder of"
            " another version, or are films missing? --any-counts goes on with what is there"
        )
    return told


def reproduce(
    experiment: Experiment,
    progress: Progress | None = None,
    *,
    any_counts: bool = False,
    ray: str | None = None,
    worker: bool = False,
    tell: Callable[[str], None] = lambda _: None,
    check_only: bool = False,
) -> Reproduced | None:
    """Repeat a study, or what is missing of it; the same call goes on where it was stopped.

    Args:
        experiment: What ``described`` gave.
        progress: Hears of every unit.
        any_counts: Go on where the data have other counts than the published ones.
        ray: Address of a Ray cluster that trains the trials of a sweep.
        worker: Whether others repeat it at the same time, into the same folder; see ``run``.
        tell: Hears sentences for people: counts, and costs.
        check_only: Stop before any work; then nothing is returned.

    Raises:
        ExperimentError: A worker came before the sweep of the study was done.
        HeatproofError: The data are not those of the study, or a stage failed.
    """
    progress = progress or Silent()
    work = open_workspace(experiment)
    if not any_counts:
        for text in check_counts(work):
            tell(text)
    tell(f"It takes {study_costs(work)}.")
    if check_only:
        check_experiment(work)
        return None
    if experiment.sweep is not None:
        best = work.folder / BEST if worker else sweep(experiment, progress, ray).best
        if not best.exists():
            raise ExperimentError(
                f"the sweep of {experiment.file_name} is not done, and workers do not share it:"
                " give the command once without --worker (--ray trains its trials on a cluster)"
            )
        experiment = load(best, command=experiment.command)
    report = run(experiment, progress=progress, worker=worker)
    table = report.parent / TABLE
    return Reproduced(report, pl.read_csv(table) if table.exists() else pl.DataFrame())
