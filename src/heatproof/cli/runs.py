"""Commands about runs that were done: list, compare, export, remove."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from heatproof.cli.terminal import console, escape, table
from heatproof.errors import ExperimentError

if TYPE_CHECKING:
    import polars as pl

PANEL = "Runs"
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command, name in ((runs, "runs"), (compare, "compare"), (export, "export"), (remove, "rm")):
        app.command(name, rich_help_panel=PANEL)(command)


def runs(
    folder: Annotated[
        Path, typer.Argument(help="Where to look, and below.", show_default="here")
    ] = Path(),
    as_json: Json = False,
) -> None:
    """List the runs below a folder, the last begun first."""
    from heatproof.runs.listing import runs_below  # here: polars takes long to load

    found = [run.summary() | {"name": run.name} for run in runs_below(folder)]
    columns = ("folder", "name", "state", "begun", "finished", "data", "models", "verdicts")
    if as_json:
        typer.echo(json.dumps([{key: run[key] for key in columns} for run in found], indent=2))
        return
    listed = table("folder", "begun", "state", "name", "models", "verdicts")
    listed.columns[-1].no_wrap = True
    for run in found:
        # A line for each model and each kind of verdict.
        many = (run[key].replace(", ", "\n") for key in ("models", "verdicts"))
        begun = run["begun"][: len("2026-12-01T00:53")].replace("T", " ")
        listed.add_row(*map(escape, (run["folder"], begun, run["state"], run["name"], *many)))
    Console().print(listed if found else f"no run lies below {escape(str(folder))}")


def compare(
    first: RunFolder,
    second: RunFolder,
    output: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write a page, too.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare two runs: settings, scores paired by film, verdicts that changed."""
    from heatproof.disk import write_whole
    from heatproof.runs.folder import open_run

    compared = open_run(first).compare(second)
    if output is not None:
        write_whole(output, compared.page())
    if as_json:
        parts = (compared.settings, compared.scores, compared.verdicts)
        names = ("settings", "scores", "verdicts")
        content = {name: _rows(part) for name, part in zip(names, parts, strict=True)}
        typer.echo(json.dumps(content, indent=2))
        return
    out = Console()
    for part in compared.parts:
        out.print(f"[bold]{part.title}[/]")
        for text in part.says:
            out.print(escape(text), highlight=False)
        if part.rows:
            shown = table(*part.headings)
            for row in part.rows:
                shown.add_row(*map(escape, row))
            out.print(shown)
    if output is not None:
        typer.echo(str(output))


def _rows(frame: "pl.DataFrame") -> list[dict[str, object]]:
    # JSON has no nan; null stands for both what is unknown and what is undefined.
    import polars as pl

    return frame.with_columns(pl.col(pl.Float64).fill_nan(None)).to_dicts()


def export(
    run: RunFolder,
    to: Annotated[Path, typer.Option(help="Folder to write to.", show_default=False)],
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--as",
            help="A format, such as csv or dicom_seg(binarize=otsu); may be repeated. heatproof"
            " exporters lists all.",
            show_default="csv npy",
        ),
    ] = None,
    over_films: Annotated[
        bool, typer.Option("--over-films", help="Lay maps over their films, pixel by pixel.")
    ] = False,
    films: Annotated[
        Path | None,
        typer.Option(
            metavar="EXPERIMENT.toml",
            help="Where the films lie: the experiment of the run. DICOM refers to them.",
            show_default=False,
        ),
    ] = None,
    pseudonymize: Annotated[
        Path | None,
        typer.Option(
            metavar="KEYFILE",
            help="Replace identifiers of films, patients and studies by a hash with this key.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write tables and maps of a run for other programs, with every column described."""
    from heatproof.data.pseudonyms import read_key
    from heatproof.runs.export import export as write
    from heatproof.runs.exported import films_of
    from heatproof.runs.folder import open_run

    files = write(
        open_run(run),
        to,
        formats or ["csv", "npy"],
        "film" if over_films else "native",
        films=None if films is None else films_of(films),
        pseudonyms=None if pseudonymize is None else read_key(pseudonymize),
    )
    console.print(f"{len(files)} files")
    typer.echo(str(to))


def remove(
    run: RunFolder,
    maps: Annotated[
        bool, typer.Option("--maps", help="The maps, which the command of the run makes again.")
    ] = False,
    prepared: Annotated[
        bool, typer.Option("--prepared", help="Films that were prepared and kept for other models.")
    ] = False,
) -> None:
    """Remove what a run can make again; tables and the report stay."""
    from heatproof.runs.clearing import remove_maps, remove_prepared
    from heatproof.runs.folder import open_run

    opened = open_run(run)
    if not (maps or prepared):
        raise ExperimentError("say what to remove: --maps, --prepared, or both")
    freed = (remove_maps(opened) if maps else 0) + (remove_prepared(opened) if prepared else 0)
    console.print(f"{freed / 1e6:.1f} MB freed; give the command of the run again to make it anew.")
