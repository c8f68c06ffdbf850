"""The command line: one command per stage, and one for all of them.

Exit status: 0 done, 1 the input is at fault (the message says how), 2 the command line is, 128 plus
the number of a signal that ended it early, such as 130 for Ctrl-C and 143 for SIGTERM (give the
same command again: it goes on where it was).
"""

import importlib
import json
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from heatproof import __version__
from heatproof.cli import datasets, runs, studies
from heatproof.cli.check import ExperimentFile, check
from heatproof.cli.convert import convert
from heatproof.cli.init import init
from heatproof.cli.lint import lint
from heatproof.cli.look import look
from heatproof.cli.methods import list_methods
from heatproof.cli.mrmc import mrmc
from heatproof.cli.parts import described, print_parts, summary_of
from heatproof.cli.progress import summary, watcher
from heatproof.cli.read import read
from heatproof.cli.runs import Json
from heatproof.cli.scorecard import scorecard
from heatproof.cli.submit import submit
from heatproof.cli.terminal import console, escape, table
from heatproof.errors import DamagedFile, FormerOption, FullMemory, HeatproofError, Several
from heatproof.progress import Progress
from heatproof.signals import Stopped, stoppable

_AT_FAULT = 1
_KEPT = "What was done is kept: give the same command again when the cause is mended."
_TOLD = {  # warnings, and how they begin
    FormerOption: "Ignored",
    DamagedFile: "Damaged",
    FullMemory: "Memory",
}
Result = TypeVar("Result")

app = typer.Typer(
    help="Heat maps, put to the proof: can the saliency maps of your classifier be trusted?\n\n"
    "Start with [bold]heatproof demo[/bold] (nothing needed). Of your own films,"
    " [bold]heatproof init FOLDER[/bold] drafts an experiment file,"
    " [bold]heatproof check EXPERIMENT.toml[/bold] says what it will tell and cost, and"
    " [bold]heatproof run EXPERIMENT.toml[/bold] does it.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", help="Folder for everything that is written.", show_default=False
    ),
]
Memory = Annotated[
    str | None,
    typer.Option(
        help="What the process may take, such as 4GB: sets batch sizes.", show_default=False
    ),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Show warnings and errors alone, and the result.")
]
Device = Annotated[
    str | None,
    typer.Option(
        help="Where models explain, such as cpu or cuda: a GPU where there is one.",
        show_default=False,
    ),
]

Films = Annotated[
    int | None,
    typer.Option(
        min=2,
        help="A pilot: so many films of each data set, with an output folder of its own.",
        show_default=False,
    ),
]
Key = Annotated[
    Path | None,
    typer.Option(
        "--pseudonymize",
        metavar="KEYFILE",
        help="Write films, patients and studies as a hash with this key.",
        show_default=False,
    ),
]


def _say(path: Path) -> None:
    """Print a path as its bytes, which need be no text."""
    typer.echo(os.fsencode(path))


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"heatproof {__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which it is.")
    ] = False,
) -> None:
    """Heat maps, put to the proof."""


@app.command()
def demo(output: Output = None, quiet: Quiet = False) -> None:
    """A whole small experiment on phantom radiographs, and its report.

    Draws radiographs that show no one, trains a linear and a WILDCAT head, explains, scores, and
    writes a report.  Nothing is downloaded; about two minutes on two cores.
    """
    with resources.as_file(resources.files("heatproof.run") / "demo.toml") as file:
        _run(file, "report", output or Path("runs/demo"), command="heatproof demo", quiet=quiet)


def _stage(name: str, text: str, until: str | None = None) -> None:
    @app.command(name, help=text)
    def _(
        experiment: ExperimentFile,
        output: Output = None,
        *,
        memory: Memory = None,
        device: Device = None,
        films: Films = None,
        pseudonymize: Key = None,
        worker: studies.Worker = False,
        quiet: Quiet = False,
    ) -> None:
        _run(
            experiment, until or name, output, memory=memory, device=device, films=films,
            pseudonymize=pseudonymize, worker=worker, quiet=quiet,
        )  # fmt: skip


_stage(
    "run",
    "Run an experiment: train, explain or import, score, trust, fidelity, report.\n\n"
    "Stages skip what is done, so a run that was interrupted or killed goes on where it was when"
    " the same command is given again.",
    until="report",
)


@app.command()
def train(experiment: ExperimentFile, output: Output = None, quiet: Quiet = False) -> None:
    """Train the models that an experiment describes, and stop there."""
    _run(experiment, "train", output, quiet=quiet)


@app.command()
def sweep(
    experiment: ExperimentFile,
    output: Output = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Train trials on a Ray cluster: auto for that of ray start, or local.",
            show_default=False,
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    r"""Search for good settings, by the \[sweep] of an experiment; the best make an experiment.

    Tries equally many settings of every model and selects by validation AUROC.  What is done is
    skipped, so the same command goes on with a search that was interrupted or killed.
    """
    from heatproof.experiment.file import load
    from heatproof.sweep.sweep import sweep as search

    overrides: dict[str, Any] = {} if output is None else {"output": str(output.absolute())}
    described = load(experiment, overrides)
    swept = _watched(described.name, lambda watched: search(described, watched, ray), quiet=quiet)
    best_of = table("best of each family", "trial", "validation AUROC", "settings")
    for record in swept.tried:
        best = record.best
        settings = ", ".join(f"{name} = {value!r}" for name, value in best.values.items())
        name, auroc = escape(record.family.name), f"{best.auroc:.3f}"
        best_of.add_row(name, str(best.number), auroc, escape(settings))
    Console().print(best_of)
    _say(swept.page)
    _say(swept.best)


_stage("explain", "Make, or import, every probability and saliency map, and stop there.")
_stage("score", "Measure every map against its references, and stop there.")
_stage("trust", "Put every method to the criteria of trust that are asked for, and stop there.")
_stage("fidelity", "Measure whether maps are true to the model, as asked for, and stop there.")
_stage("report", "Estimate and write the report, doing first whatever of the run is missing.")


@app.command()
def doctor(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The output folder of a run.")],
) -> None:
    """Verify every file of a run, and say what to do where one is damaged.

    Exit status 0 where all is as it was written, 1 where something is not.
    """
    from heatproof.run.doctor import examine

    out = Console()
    ailments = examine(run)
    for ailment in ailments:
        out.print(escape(f"{ailment.place}: {ailment.what}. To do: {ailment.cure}."))
    if ailments:
        raise typer.Exit(_AT_FAULT)
    out.print("Everything is as it was written.")


app.command()(check)
app.command()(convert)
app.command()(init)
app.command()(lint)
app.command()(look)
app.command()(mrmc)
app.command()(read)
app.command()(submit)

PARTS = {
    "methods": ("saliency methods", "heatproof.saliency"),
    "metrics": ("localization metrics", "heatproof.localize"),
    "fidelities": ("metrics of fidelity", "heatproof.fidelity"),
    "infills": ("what takes the place of a region", "heatproof.fidelity.infills"),
    "controls": ("controls, measured beside the methods", "heatproof.localize.controls"),
    "criteria": ("criteria of trust", "heatproof.trust.criteria"),
    "similarities": (
        "similarities of maps, by which criteria compare",
        "heatproof.trust.similarity",
    ),
    "rules": ("rules that make verdicts", "heatproof.trust.rules"),
    "backbones": ("backbones", "heatproof.models.backbones"),
    "heads": ("classifier heads", "heatproof.models.heads"),
    "localizers": ("supervised references", "heatproof.models.localizers"),
    "datasets": ("kinds of data sets", "heatproof.data.datasets"),
    "formats": ("formats of annotation files", "heatproof.data.annotations.formats"),
    "importers": ("formats of maps that other tools made", "heatproof.maps.importers"),
    "exporters": ("formats that a run is exported to", "heatproof.runs.exporters"),
    "geometries": ("ways of a film onto the canvas of a network", "heatproof.data.geometry"),
    "interpolations": ("ways of resampling a film", "heatproof.data.interpolations"),
    "intensities": ("transforms of grey values", "heatproof.data.intensities"),
}
"""Commands that list a registry: what it holds, and the module in which it has that name."""


def list_parts(kind: str, *, as_json: bool = False) -> None:
    """Print the parts of a kind, with their options."""
    if kind == "methods":
        list_methods(as_json=as_json)
        return
    _, module = PARTS[kind]
    place = importlib.import_module(module)
    if as_json:
        typer.echo(json.dumps(described(getattr(place, kind)), indent=2))
        return
    print_parts(getattr(place, kind), getattr(place, "definition", summary_of))


def _lists(kind: str) -> None:
    @app.command(kind, help=f"List {PARTS[kind][0]}, with their options.", rich_help_panel="Parts")
    def _(as_json: Json = False) -> None:
        list_parts(kind, as_json=as_json)


for _each in PARTS:  # by a call each, since a loop variable would be the last for all
    if _each != "datasets":  # which has a command of its own, too
        _lists(_each)
datasets.add_to(app, lambda as_json: list_parts("datasets", as_json=as_json), "Parts")


runs.add_to(app)
app.command(rich_help_panel=runs.PANEL)(scorecard)
studies.add_to(app)


def main() -> None:
    """Entry point: prints errors that are the input's fault without a traceback."""
    logging.captureWarnings(True)
    _tell_what_is_meant_for_users()
    # Threads that spin while they wait make every layer of a small network wait for the scheduler
    # where cores are shared: 25 times slower was measured.  Read when torch loads OpenMP.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        with stoppable(console.print):
            app()
    except Stopped as stopped:
        console.print(str(stopped))
        sys.exit(stopped.status)
    except Several as several:
        for error in several.errors:
            _tell(_title(error), str(error))
        _fail(f"{len(several.errors)} mistakes.", "Mend them all, and give the command again.")
    except HeatproofError as error:
        _fail(_title(error), str(error))
    except OSError as error:
        _fail("System error:", f"{error}. {_KEPT}")
    except MemoryError as error:
        _fail("Memory error:", f"{error}. {_KEPT}")
    except RuntimeError as error:
        # What torch and Python raise where the system has no memory, or no threads, left; they have
        # no class of their own for it.
        if not any(words in str(error) for words in ("allocate memory", "can't start new thread")):
            raise
        _fail("Memory error:", f"{error}. {_KEPT}")


def _tell_what_is_meant_for_users() -> None:
    """Print warnings of heatproof; those of libraries go to the log."""
    to_the_log = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        titles = [title for kind, title in _TOLD.items() if issubclass(category, kind)]
        if not titles:
            to_the_log(message, category, *place, **more)
        for title in titles:
            console.print(f"[yellow]{title}:[/] {escape(str(message))}", highlight=False)

    warnings.showwarning = show


def _fail(title: str, text: str) -> None:
    _tell(title, text)
    sys.exit(_AT_FAULT)


def _tell(title: str, text: str) -> None:
    # Wrapped by the terminal alone, so that paths and lines of code can be copied.
    console.print(f"[bold red]{title}[/] {escape(text)}", highlight=False, soft_wrap=True)


def _run(
    file: Path,
    until: str,
    output: Path | None,
    command: str | None = None,
    *,
    memory: str | None = None,
    device: str | None = None,
    films: int | None = None,
    pseudonymize: Path | None = None,
    worker: bool = False,
    quiet: bool = False,
) -> None:
    from heatproof.experiment.early import check_early

    check_early(file, films=False)
    from heatproof.experiment.file import load
    from heatproof.models.devices import device_named
    from heatproof.run.pipeline import run as run_stages  # here: torch takes long to load
    from heatproof.saliency.memory import parse_memory

    overrides: dict[str, Any] = {} if output is None else {"output": str(output.absolute())}
    explain: dict[str, str] = {}
    if memory is not None:
        parse_memory(memory)
        explain["memory"] = memory
    if device is not None:
        device_named(device)
        explain["device"] = device
    if explain:
        overrides["explain"] = explain
    if films is not None:
        overrides["pilot"] = films
        command = f"heatproof run {file.name} --films {films}"
    if pseudonymize is not None:
        overrides["pseudonyms"] = str(pseudonymize.absolute())
        command = f"{command or f'heatproof run {file.name}'} --pseudonymize {pseudonymize.name}"
    experiment = load(file, overrides, command)
    result = _watched(
        experiment.name,
        lambda watched: run_stages(
            experiment,
            until,  # type: ignore[arg-type]  # a stage
            watched,
            worker=worker,
        ),
        quiet=quiet,
    )
    if not console.quiet:
        _say(result)


def _watched(name: str, work: Callable[[Progress], Result], *, quiet: bool = False) -> Result:
    """What the work returns, shown while it goes on."""
    if not quiet:
        console.print(f"[bold]{escape(name)}[/] (heatproof {__version__})", highlight=False)
    with watcher(console, quiet=quiet) as watched:
        result = work(watched)
    if not quiet:
        console.print(summary(watched.stages))
    return result


def _title(error: HeatproofError) -> str:
    kind = re.sub("(?<=[a-z])[A-Z]", lambda capital: f" {capital[0].lower()}", type(error).__name__)
    return f"{kind}:"
