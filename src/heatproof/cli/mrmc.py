"""``heatproof mrmc``: statistics of a reader study."""

import json
from pathlib import Path
from typing import Annotated

import typer

from heatproof.cli.runs import Json


def mrmc(
    study: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A CSV (reader, case, modality, truth, rating), or a file of iMRMC or OR-DBM.",
        ),
    ],
    figure: Annotated[
        str | None,
        typer.Option(
            help="auc, sensitivity, specificity, percent_correct; wafroc, afroc, froc, lroc.",
            show_default=False,
        ),
    ] = None,
    random: Annotated[
        str, typer.Option(help="What results generalize to: readers and cases, cases, or readers.")
    ] = "readers and cases",
    threshold: Annotated[
        float, typer.Option(help="From which rating on a case is called positive.")
    ] = 0.5,
    margin: Annotated[
        float | None,
        typer.Option(help="Largest loss that would not matter.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare modalities that several readers read: Obuchowski-Rockette, or Gallas' one-shot."""
    from heatproof.interactive.reader_study import compare_readers  # here: scipy takes long to load

    found = compare_readers(study, figure, random=random, threshold=threshold, margin=margin)
    if as_json:
        tables = {
            "means": found.means, "differences": found.differences, "readers": found.readers
        }  # fmt: skip
        told = {name: table.to_dicts() for name, table in tables.items()}
        typer.echo(json.dumps({"figure": found.figure, "method": found.method, **told}, indent=2))
        return
    typer.echo(repr(found))
