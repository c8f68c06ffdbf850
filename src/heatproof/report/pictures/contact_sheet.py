"""Contact sheet: films as a network sees them, side by side, with what it says of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import cv2
import numpy as np
from jaxtyping import Bool, Float
from PIL import Image, ImageDraw, ImageFont

_SIDE, _GAP, _LINE, _COLUMNS = 224, 12, 16, 4
_BACK, _INK, _MARK = (24, 24, 24), (235, 235, 235), (255, 196, 0)
_LETTERS = 36  # of a line below a film


@dataclass(frozen=True)
class Tile:
    """One film.

    Attributes:
        image: Grey, from 0 to 1.
        marked: What is outlined on it.
        lines: What stands below.
    """

    image: Float[np.ndarray, "y x"]
    marked: Bool[np.ndarray, "y x"]
    lines: tuple[str, ...]


def contact_sheet(tiles: Sequence[Tile]) -> bytes:
    """The tiles in rows of four, as a PNG."""
    text = max(len(tile.lines) for tile in tiles) * _LINE
    columns = min(_COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    step_x, step_y = _SIDE + _GAP, _SIDE + text + _GAP
    sheet = Image.new("RGB", (columns * step_x + _GAP, rows * step_y + _GAP), _BACK)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for place, tile in enumerate(tiles):
        x, y = _GAP + place % columns * step_x, _GAP + place // columns * step_y
        sheet.paste(Image.fromarray(_picture(tile)), (x, y))
        for line, words in enumerate(tile.lines):
            draw.text((x, y + _SIDE + line * _LINE), words[:_LETTERS], _INK, font)
    png = BytesIO()
    sheet.save(png, "PNG")
    return png.getvalue()


def _picture(tile: Tile) -> np.ndarray:
    """A film in a square, with outlines, as RGB bytes."""
    height, width = tile.image.shape
    scale = _SIDE / max(height, width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    grey = np.rint(np.clip(tile.image, 0, 1) * 255).astype(np.uint8)
    resized = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    # A mark that is smaller than a pixel must be seen, too.
    cover = cv2.resize(tile.marked.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    marked = (cover > 0).astype(np.uint8)
    colour = np.ascontiguousarray(np.repeat(resized[:, :, None], 3, axis=2))
    outlines, _ = cv2.findContours(marked, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(colour, outlines, -1, _MARK, 1)
    canvas = np.zeros((_SIDE, _SIDE, 3), np.uint8)
    top, left = (_SIDE - size[1]) // 2, (_SIDE - size[0]) // 2
    canvas[top : top + size[1], left : left + size[0]] = colour
    return canvas
