"""``heatproof look``: one film under its maps."""

from pathlib import Path
from typing import Annotated

import typer

from heatproof.cli.terminal import console, escape


def look(
    film: Annotated[Path, typer.Argument(help="A PNG, JPEG, TIFF or DICOM file.")],
    *,
    model: Annotated[
        str, typer.Option("--model", help="net.py:build, or the folder of a trained model.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A picture, or a page with all maps (.html).")
    ] = Path("look.html"),
    method: Annotated[
        list[str] | None,
        typer.Option("--method", "-m", help="grad_cam unless said; may be repeated."),
    ] = None,
    finding: Annotated[
        str | None, typer.Option(help="The most probable one unless said.", show_default=False)
    ] = None,
    findings: Annotated[
        str | None,
        typer.Option(help="Outputs of a bare network, such as A,B.", show_default=False),
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="Height and width of its input.", show_default=False)
    ] = None,
    mean: Annotated[
        str | None, typer.Option(help="Subtracted: 0.5, or one a channel.", show_default=False)
    ] = None,
    std: Annotated[
        str | None, typer.Option(help="Divided by, likewise.", show_default=False)
    ] = None,
    features: Annotated[
        str | None, typer.Option(help="Layer; auto unless said.", show_default=False)
    ] = None,
) -> None:
    """Explain one film, and draw it under its maps.

    The function that --model names is called: it is code of yours.
    """
    from heatproof.interactive.look import look as explain_film  # here: torch takes long to load

    told, files = explain_film(
        *(film, model, output, method or ["grad_cam"], finding),
        findings=findings.split(",") if findings else None,
        size=size,
        mean=_numbers(mean),
        std=_numbers(std),
        features=features,
    )
    console.print(escape(repr(told)), highlight=False)
    for file in files:
        typer.echo(str(file))


def _numbers(text: str | None) -> list[float] | None:
    try:
        return None if text is None else [float(number) for number in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{text!r}: expected 0.5, or 0.5,0.5,0.5") from None
