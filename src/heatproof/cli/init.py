"""``heatproof init``: a first experiment file."""

from pathlib import Path
from typing import Annotated

import typer

from heatproof.cli.terminal import console, escape
from heatproof.errors import ExperimentError


def init(
    folder: Annotated[Path, typer.Argument(help="Holds films and a table that names them.")],
    kind: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="DATA",
            help="A data set of the field, as downloaded: rsna, siim, nih, mura, chexpert, mimic,"
            " vindr, chexlocalize; or coco: films with a COCO file and no table.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file; experiment.toml in the folder unless said."),
    ] = None,
) -> None:
    """Draft an experiment file from a folder of films, with a reason for every guess.

    Nothing is overwritten, and no code is run.
    """
    from heatproof.experiment.drafting import draft  # here: its imports take long

    target = output or folder / "experiment.toml"
    tables: dict[str, str] = {}
    if kind is None:
        text = draft(folder, target.parent)
    else:
        from heatproof.experiment.downloaded import draft_from

        text, tables = draft_from(kind, folder, target.parent)
    files = {target.parent / name: table for name, table in tables.items()} | {target: text}
    if there := [path for path in files if path.exists()]:
        raise ExperimentError(
            f"{there[0]} exists and is not overwritten; say another name, or another folder:"
            " -o other.toml"
        )
    for path, content in files.items():
        with path.open("x", encoding="utf-8") as file:
            file.write(content)
    console.print(escape("Read every line, then say: heatproof check " + str(target)))
    typer.echo(str(target))
