"""Where the cells of coarse maps look, beside where they are drawn."""

from collections.abc import Iterator, Mapping

from heatproof.models.receptive_field import Offset
from heatproof.words import count

DRAWN = (
    "Coarse maps (class maps, Grad-CAM) are enlarged by the usual convention: each cell is drawn"
    " over its own square of the film."
)


def cells(measured: Mapping[str, Offset]) -> Iterator[str]:
    """What a reader of coarse maps has to know, for each model whose cells were measured."""
    if not measured:
        yield (
            f"{DRAWN} Where a cell looks may be another place, up to half a cell away; of these"
            " models it was not measured."
        )
    for member, offset in measured.items():
        yield f"{DRAWN} {_said(member, offset)}"


def _said(member: str, offset: Offset) -> str:
    ways = [
        f"{count(abs(round(pixels)), 'pixel')} {forwards if pixels > 0 else backwards}"
        for pixels, forwards, backwards in (
            (offset.down, "below", "above"),
            (offset.right, "to the right of", "to the left of"),
        )
        if round(pixels)
    ]
    side = " × ".join(f"{round(length)}" for length in dict.fromkeys(offset.cell))
    pixels = f"(measured on films of noise; a cell has a side of {side} pixels of its input)"
    if not ways:
        return f"The cells of {member} look there, too {pixels}."
    return (
        f"The cells of {member} look {' and '.join(ways)} the middle of their squares {pixels}, so"
        " such maps are scored, and seen, that much off."
    )
