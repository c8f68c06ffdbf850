"""``heatproof convert``: annotations of one tool for another."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from heatproof.cli.terminal import escape

if TYPE_CHECKING:
    from heatproof.data.annotations.convert import Converted

_SHOWN = 5  # strays that are printed


def convert(  # noqa: PLR0917  typer gives them by name
    source: Annotated[Path, typer.Argument(metavar="A", help="A file or folder of annotations.")],
    target: Annotated[Path, typer.Argument(metavar="B", help="What is written.")],
    read_as: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FORMAT",
            help="Format of A, such as via or 'kaggle_rle(relative=True)'; found out unless told.",
            show_default=False,
        ),
    ] = None,
    write_as: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="FORMAT",
            help="Format of B; .json is coco, .xml is cvat, .csv is via, unless told.",
            show_default=False,
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the films, for formats that do not tell their sizes.",
            show_default=False,
        ),
    ] = None,
    finding: Annotated[
        str | None,
        typer.Option(help="What is marked, where A does not say.", show_default=False),
    ] = None,
    reader: Annotated[
        str | None,
        typer.Option(help="Who drew the marks, where A does not say.", show_default=False),
    ] = None,
    consensus: Annotated[
        str | None,
        typer.Option(
            help="One reader of several: majority, union, intersection or staple.",
            show_default=False,
        ),
    ] = None,
    pseudonymize: Annotated[
        Path | None,
        typer.Option(
            metavar="KEYFILE",
            help="Replace names of films, and what B takes over from films, by a hash with this"
            " key.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write annotations of one tool for another, and say what B cannot hold.

    `heatproof formats` lists the formats, with their options.
    """
    from heatproof.data.annotations.consensus import rule_named  # here: polars takes long to load
    from heatproof.data.annotations.convert import convert as converted
    from heatproof.data.annotations.marks import Beside
    from heatproof.data.pseudonyms import read_key
    from heatproof.types import REFERENCE

    who = reader or REFERENCE
    beside = Beside.folder(images, finding, who) if images else Beside({}, finding, who)
    rule = rule_named(consensus) if consensus is not None else None
    key = read_key(pseudonymize) if pseudonymize is not None else None
    _print(converted(source, target, read_as, write_as, beside, rule, key), Console())


def _print(done: "Converted", out: Console) -> None:
    out.print(
        escape(f"{done.source} to {done.target}: {done.marks} marks on {done.films} films"),
        highlight=False,
    )
    for place in done.places:
        out.print(escape(f"  {place}"), soft_wrap=True, highlight=False)
    for lost in done.lost:
        out.print(escape(f"Not held by {done.target}: {lost}"), soft_wrap=True, highlight=False)
    for place_, why in done.strays[:_SHOWN]:
        out.print(escape(f"Left out: {place_}: {why}"), soft_wrap=True, highlight=False)
    if len(done.strays) > _SHOWN:
        out.print(f"Left out: {len(done.strays) - _SHOWN} more", highlight=False)
