"""``heatproof experiments`` and ``reproduce``: published studies, each repeated by one command."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from heatproof.cli.progress import watcher
from heatproof.cli.terminal import console, escape, table
from heatproof.errors import ExperimentError

if TYPE_CHECKING:
    import polars as pl

Worker = Annotated[
    bool,
    typer.Option(
        "--worker",
        help="Share the work with whoever runs the same command on the same folder.",
    ),
]
Named = Annotated[str, typer.Argument(help="A study; heatproof experiments lists them.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("experiments")(experiments)
    app.command("reproduce")(reproduce)


def experiments(
    name: Annotated[
        str | None, typer.Argument(help="Print the file of one study.", show_default=False)
    ] = None,
) -> None:
    """List the published studies that are shipped, or print the file of one."""
    from heatproof.studies import folders_of, names, table_of, text_of

    if name is not None:
        typer.echo(text_of(name), nl=False)
        return
    listed = table("study", "repeats", "models", "folders of data", "choices")
    for each in names():
        found = table_of(each)
        study = found["study"]
        models = sum(
            len(entry.get("architectures", [""])) * len(entry.get("seeds", [""]))
            for entry in found.get("models", [])
        )
        listed.add_row(
            each,
            escape(", ".join(study["of"])),
            str(models) if models else "maps",
            escape(", ".join(folders_of(found))),
            str(len(study["choices"])),
        )
    Console().print(listed)


def reproduce(  # noqa: PLR0917  options of a command
    name: Named,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with the folders of the data sets.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of all results; runs/NAME unless told."),
    ] = None,
    tiny: Annotated[
        bool, typer.Option("--tiny", help="Phantoms and small networks: whether it runs.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Check data and models, say the cost, and stop.")
    ] = False,
    any_counts: Annotated[
        bool, typer.Option("--any-counts", help="Go on with other films than the published ones.")
    ] = False,
    ray: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Train the trials of a sweep on a Ray cluster."),
    ] = None,
    worker: Worker = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show warnings alone.")] = False,
) -> None:
    """Repeat a published study on its data, and print its numbers beside those here.

    Checks the data against the published counts, says beforehand what it costs on this device, and
    goes on where it was stopped when the same command is given again.
    """
    import polars as pl

    from heatproof.studies.reproduce import described
    from heatproof.studies.reproduce import reproduce as repeat

    if tiny and worker:
        raise ExperimentError("--tiny takes minutes, and is not shared: leave --worker out")
    folder = output or Path("runs") / (f"{name}-tiny" if tiny else name)
    experiment = described(name, data, folder, small=tiny)
    out = Console()
    with watcher(console, quiet=quiet) as watched:
        done = repeat(
            experiment,
            watched,
            any_counts=any_counts,
            ray=ray,
            worker=worker,
            tell=lambda text: out.print(escape(text), soft_wrap=True, highlight=False),
            check_only=check,
        )
    if done is None:
        return
    out.print(_beside(done.table.filter(pl.col("here").is_not_null())))
    lacking = done.table["here"].null_count()
    if lacking:
        out.print(f"Published numbers that were not measured here: {lacking}; the page lists them.")
    typer.echo(str(done.report))


def _beside(numbers_of_both: "pl.DataFrame") -> Table:
    """Published numbers beside those here."""
    shown = table("quantity", "method", "model", "finding", "published", "here", "inside")
    for row in numbers_of_both.iter_rows(named=True):
        cells = (row["quantity"], row["method"], row["model"], row["finding"])
        numbers = (_number(row, "published"), _number(row, "here"), row["inside"])
        shown.add_row(*(escape(str(cell or "")) for cell in (*cells, *numbers)))
    return shown


def _number(row: dict[str, Any], column: str) -> str:
    value, low, high = row[column], row[f"{column}_low"], row[f"{column}_high"]
    if value is None:
        return ""
    return f"{value:.3g}" + ("" if low is None or high is None else f" [{low:.3g}, {high:.3g}]")
