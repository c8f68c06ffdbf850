"""``heatproof read``: a reading room in the browser."""

from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from heatproof.cli.terminal import console, escape


def read(
    study: Annotated[
        Path | None, typer.Argument(metavar="STUDY.toml", help="What is read, by whom, and how.")
    ] = None,
    *,
    demo: Annotated[bool, typer.Option("--demo", help="A study of phantoms.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the study.", show_default=False),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(help="Write what was said into this folder, and end.", show_default=False),
    ] = None,
    new_links: Annotated[
        bool, typer.Option("--new-links", help="New links for all readers; former ones end.")
    ] = False,
    host: Annotated[str, typer.Option(help="What to bind to.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 for any that is free.")] = 8765,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="For other machines: a TLS certificate.", show_default=False)
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="And its key.", show_default=False)] = None,
    name: Annotated[
        str | None,
        typer.Option(
            help="The address in links where it is another, such as https://study.example.org of a"
            " proxy.",
            show_default=False,
        ),
    ] = None,
    without_tls: Annotated[
        bool,
        typer.Option("--without-tls", help="Let other machines in without TLS, behind a proxy."),
    ] = False,
) -> None:
    """Open a reading room: readers mark and rate films in the browser.

    Prints a link for each reader, once, and one for the admin each time. Every stroke is kept as it
    is made, so readers may stop, and the server may, at any moment.
    """
    if (study is None) != demo:
        raise typer.BadParameter("give the file of a study, or --demo")
    # Here: torch takes long to load.
    from heatproof.reading.export import export as export_to
    from heatproof.reading.serving import Address, opened, serve
    from heatproof.reading.study import load

    address = Address(host, port, tls_certificate, tls_key, name, without_tls)
    with resources.as_file(resources.files("heatproof.reading") / "demo.toml") as file:
        folder = output or (Path("runs/reading") if demo else None)
        described = load(study or file, folder)
        room = opened(described)
    if export is not None:
        for path in export_to(room, export):
            typer.echo(str(path))
        return
    console.print(escape(f"{described.name}. Everything is kept in {described.output_folder}."))

    def say(reader: str, link: str) -> None:
        typer.echo(f"{reader}\t{link}")

    serve(room, address, anew=new_links or demo, say=say)
