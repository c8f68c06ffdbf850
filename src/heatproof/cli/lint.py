"""``heatproof lint``: threats to the conclusions of an experiment, a run, or a described study."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from heatproof.cli.terminal import escape


def lint(
    subject: Annotated[
        Path,
        typer.Argument(metavar="FILE|RUN", help="An experiment, a run, or a described study."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")] = False,
) -> None:
    """List what threatens the conclusions of an experiment, a run or a study, with evidence.

    A study is described in a short TOML file; what it does not say is no threat.
    """
    from heatproof.lint import threats
    from heatproof.lint.described import described

    known = described(subject)
    found = list(threats(known))
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found], indent=2))
        return
    out = Console()
    out.print(f"[bold]{escape(known.name)}[/]", highlight=False)
    for each in found:
        out.print(escape(f"{each.rule}: {each.evidence}."), soft_wrap=True, highlight=False)
        out.print(escape(f"  {each.what} ({each.source})"), soft_wrap=True, highlight=False)
    if not found:
        out.print("No threat is known, of what is told.")
