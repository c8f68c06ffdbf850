"""What a notebook shows of a film and its maps: one picture each, and a slider for the opacity."""

import base64
import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from heatproof.maps.render import encode, layer, plain

if TYPE_CHECKING:
    from heatproof.interactive.film_map import FilmMap

_SIDE = 320  # pixels of the long side of a picture


def explanation(film: Float[np.ndarray, "h w"], title: str, maps: "Sequence[FilmMap]") -> str:
    """A line of text, the film, and the film under each map; the slider sets their opacity.

    Pictures are in the page itself, so that a saved notebook keeps them.
    """
    shown = plain(film, _SIDE)
    # A film that is smaller is drawn larger, not resampled.
    scale = _SIDE / max(shown.shape[:2])
    height, width = (round(scale * length) for length in shown.shape[:2])
    below = _source(encode(shown, "webp"))
    figures = [_figure("the film", below, "", (width, height))]
    figures += [
        _figure(
            _caption(one), below, _source(encode(layer(one.array, _SIDE), "png")), (width, height)
        )
        for one in maps
    ]
    # A notebook strips scripts but keeps the handlers of elements.
    moved = "this.closest('div').style.setProperty('--heat', this.value / 100)"
    slider = f'<input type="range" min="0" max="100" value="100" oninput="{moved}">'
    return (
        '<div style="--heat: 1; font: 13px system-ui, sans-serif">'
        f'<p style="margin: 0 0 .5em">{html.escape(title)}</p>'
        f'<p style="margin: 0"><label>opacity of the maps {slider}</label></p>'
        f"{''.join(figures)}</div>"
    )


def _figure(caption: str, below: str, above: str, size: tuple[int, int]) -> str:
    width, height = size
    box = f"width: {width}px; height: {height}px"
    over = (
        f'<img src="{above}" alt="" style="position: absolute; left: 0; top: 0; {box};'
        ' opacity: var(--heat)">'
        if above
        else ""
    )
    return (
        '<figure style="display: inline-block; margin: .5em 1em 0 0; vertical-align: top">'
        f'<span style="display: block; position: relative; {box}">'
        f'<img src="{below}" alt="{html.escape(caption)}" style="{box}">{over}</span>'
        f'<figcaption style="max-width: {width}px; overflow-wrap: anywhere">'
        f"{html.escape(caption)}</figcaption></figure>"
    )


def _caption(one: "FilmMap") -> str:
    rows, columns = one.native.shape
    odd = "" if one.is_ok() else f"; {one.validity.value}: not to be read as a map"
    return f"{one.method} of {one.finding}, {rows} x {columns}{odd}"


def _source(picture: bytes) -> str:
    kind = "png" if picture.startswith(b"\x89PNG") else "webp"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode('ascii')}"
