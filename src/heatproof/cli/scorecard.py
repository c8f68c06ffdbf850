"""``heatproof scorecard``: a run by the four criteria of the FDA/OSEL framework."""

from pathlib import Path
from typing import Annotated

import typer

from heatproof.cli.runs import Json, RunFolder


def scorecard(
    run: RunFolder,
    readers: Annotated[
        Path | None,
        typer.Option(
            metavar="STUDY.toml",
            help="What was read with and without the maps of the run: a study of heatproof read,"
            " or ratings as heatproof mrmc takes them.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to write to.", show_default="the run's"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Fill in consistency, plausibility, fidelity and usefulness of every method of a run.

    Writes scorecard.html, scorecard.pdf and scorecard.json.
    """
    from heatproof.runs.folder import open_run  # here: polars takes long to load

    opened = open_run(run)
    if readers is None:
        made = opened.scorecard()
    else:
        from heatproof.reading.gains import gains  # which loads torch

        made = opened.scorecard(gains(readers, run))
    if as_json:
        typer.echo(made.json, nl=False)
        return
    for file in made.write(output or run):
        typer.echo(str(file))
