"""``heatproof datasets``: the kinds of data sets, and ``show``: what lies in a folder of one."""

import json
import tomllib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from heatproof.cli.terminal import escape
from heatproof.disk import write_whole
from heatproof.errors import ExperimentError

if TYPE_CHECKING:
    from heatproof.data.overview import Overview

_SHOWN = 5  # missing files and problems of which the names are printed
Json = Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")]


def add_to(app: typer.Typer, list_all: Callable[[bool], None], panel: str) -> None:
    """Add the commands to the command line.

    Args:
        app: The command line.
        list_all: Prints the kinds of data sets, as JSON where it is told so.
        panel: Heading under which help lists the command.
    """
    group = typer.Typer()

    @group.callback(invoke_without_command=True)
    def datasets(context: typer.Context, as_json: Json = False) -> None:
        """List kinds of data sets, with their options; show says what lies in one."""
        if context.invoked_subcommand is None:
            list_all(as_json)

    group.command("show")(show)
    app.add_typer(group, name="datasets", rich_help_panel=panel)


def show(
    name: Annotated[str, typer.Argument(help="A kind of data set, such as rsna_pneumonia.")],
    path: Annotated[Path, typer.Argument(help="The folder that was downloaded, or a table.")],
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option", "-O", metavar="KEY=VALUE", help="As in an experiment file: split=test."
        ),
    ] = None,
    headers: Annotated[
        bool,
        typer.Option(
            "--headers", help="Read every film's header, check all marks, compare readers' masks."
        ),
    ] = False,
    picture: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png", help="Draw a few films and what is marked.", show_default=False
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what lies in a data set: films, patients, missing files, labels, views, marks."""
    from heatproof.data.datasets import datasets as kinds  # here: polars takes long to load
    from heatproof.data.overview import overview

    options = dict(map(_option, option or ()))
    # Downloaded data sets are named by their folder; a table of one's own by ``csv``.
    known = {field.name for field in fields(kinds.part_class(name))}
    key = next((key for key in ("root", "csv") if key in known), None)
    if key is None:
        raise ExperimentError(f"{name} lies in no folder or table: it has no option root or csv")
    dataset = kinds.build(name, {key: str(path.absolute()), **options})
    if picture is not None:
        from heatproof.report.pictures.films import picture_of

        write_whole(picture, picture_of(dataset))
    found = overview(dataset, headers=headers)
    if as_json:
        typer.echo(json.dumps(found.plain(), indent=2))
        return
    _print(found, Console())


def _option(text: str) -> tuple[str, Any]:
    """Key and value; what is no value of TOML is text, since shells take quotation marks away."""
    key, equals, value = text.partition("=")
    if not equals:
        raise ExperimentError(f"--option {text!r}: expected KEY=VALUE, such as split=test")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value


def _print(found: "Overview", out: Console) -> None:
    counts = {"films": found.films, "patients": found.patients, "studies": found.studies}
    told = ", ".join(f"{what}: {'unknown' if n is None else n}" for what, n in counts.items())
    out.print(told, highlight=False)
    _list(out, "files that are not there", found.missing)
    if found.problems is not None:
        _list(out, "problems", found.problems)
    labels = Table("finding", "present", "absent", "uncertain", "unknown", "prevalence")
    for finding, label in found.labels.items():
        share = "" if label.prevalence is None else f"{label.prevalence:.1%}"
        numbers = (label.present, label.absent, label.uncertain, label.unknown)
        labels.add_row(escape(finding), *map(str, numbers), share)
    out.print(labels)
    if [*found.views] not in ([], [""]):
        views = Table("view", "films")
        for view, films in found.views.items():
            views.add_row(escape(view or "unknown"), str(films))
        out.print(views)
    if found.marks:
        marks = Table("marked finding", "reader", "films", "instances")
        for mark in found.marks:
            shown = (escape(mark.finding), escape(mark.reader), str(mark.films))
            marks.add_row(*shown, str(mark.instances))
        out.print(marks)
    if found.agreement:
        readers = Table("finding", "readers", "marked by both", "by either", "median Dice")
        for pair in found.agreement:
            names = escape(f"{pair.reader}, {pair.other}")
            dice = "" if pair.dice is None else f"{pair.dice:.2f}"
            readers.add_row(escape(pair.finding), names, str(pair.both), str(pair.either), dice)
        out.print(readers)


def _list(out: Console, what: str, items: tuple[str, ...]) -> None:
    out.print(f"{what}: {len(items)}", highlight=False)
    for item in items[:_SHOWN]:
        out.print(escape(f"  {item}"), soft_wrap=True, highlight=False)
    if len(items) > _SHOWN:
        out.print(f"  ... and {len(items) - _SHOWN} more", highlight=False)
