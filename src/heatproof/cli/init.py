"""``heatproof init``: a first experiment file."""

from pathlib import Path
from typing import Annotated

import typer

from heatproof.cli.terminal import console, escape
from heatproof.errors import ExperimentError


def init(
    folder: Annotated[Path, typer.Argument(help="Holds films and a table that names them.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file; experiment.toml in the folder unless said."),
    ] = None,
) -> None:
    """Draft an experiment file from a folder of films, with a reason for every guess.

    Nothing is overwritten, and no code is run.
    """
    from heatproof.experiment.drafting import draft

    target = output or folder / "experiment.toml"
    text = draft(folder, target.parent)
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ExperimentError(
            f"{target} exists and is not overwritten; say another name: -o other.toml"
        ) from None
    console.print(escape("Read every line, then say: heatproof check " + str(target)))
    typer.echo(str(target))
