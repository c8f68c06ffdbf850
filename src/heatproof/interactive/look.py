"""``heatproof look``: one film under the maps of a model, from the command line."""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from heatproof.errors import ModelError
from heatproof.interactive.explaining import FilmExplanation, explain
from heatproof.interactive.wrapping import wrap
from heatproof.models import Model
from heatproof.models.card import CARD, load
from heatproof.models.loading import load_module

_PAGE = (".html", ".htm")


def look(
    film: Path,
    model: str,
    output: Path,
    methods: Sequence[str],
    finding: str | None = None,
    **said: Any,
) -> tuple[FilmExplanation, list[Path]]:
    """Explain one film and draw what comes of it.

    Args:
        film: A PNG, JPEG, TIFF or DICOM file.
        model: ``file.py:function`` or ``package.module:function`` that gives a network, or what
            ``heatproof.wrap`` made of one; or a folder with a card.
        output: A page (``.html``) with all maps, or a picture: one of each method, named after it
            where there are several.
        methods: Specs.
        finding: What is explained; None for the most probable finding.
        said: Of a bare network: ``findings``, ``size``, ``mean``, ``std`` and what else ``wrap``
            takes.

    Returns:
        The explanation, and the files that were written.

    Raises:
        HeatproofError: The film, the model or the methods are at fault.
    """
    told = explain(_opened(model, said), film, methods, finding)
    if output.suffix.lower() in _PAGE:
        title = html.escape(film.name)
        head = f'<!DOCTYPE html><meta charset="utf-8"><title>{title}</title>'
        output.write_text(head + told._repr_html_(), encoding="utf-8")
        return told, [output]
    if len(told) == 1:
        return told, [told[methods[0]].save(output)]
    named = [(spec, output.with_stem(f"{output.stem}-{_plain(spec)}")) for spec in told]
    return told, [told[spec].save(path) for spec, path in named]


def _opened(source: str, said: dict[str, Any]) -> Model:
    if (folder := Path(source)).is_dir():
        if not (folder / CARD).is_file():
            raise ModelError(f"{folder} holds no {CARD}; expected the folder of a trained model")
        model, _ = load(folder)
        if not isinstance(model, Model):
            raise ModelError(f"{folder} holds a localizer, which shows its own map in a report")
        return model
    network = load_module(source)
    given = {key: value for key, value in said.items() if value is not None}
    if isinstance(network, Model):
        if given:
            raise ModelError(f"{source} gives a model of heatproof, which says {', '.join(given)}")
        return network
    if "findings" not in given:
        raise ModelError(
            f"{source} gives a bare network: say the names of its outputs (--findings A,B), its"
            " --size, --mean and --std; or let the function return heatproof.wrap(network, ...)"
        )
    return wrap(network, given.pop("findings"), **given)


def _plain(spec: str) -> str:
    """A spec as part of a file's name."""
    return "".join(letter if letter.isalnum() or letter in "_.-" else "-" for letter in spec)
