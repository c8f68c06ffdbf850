"""Figures as PDF: Matplotlib writes the strokes of our own SVG files.

Only the SVG that ``drawings`` and ``plots`` write is understood: paths of M, L, H, V, h and v,
rectangles, circles and text.  Matplotlib's PDF renderer is called directly, because its figures and
axes would lay out again what is laid out already, in twice the time.
"""

import io
import re
from functools import cache
from typing import Any
from xml.etree import ElementTree as ET

from matplotlib.backends import backend_pdf
from matplotlib.colors import to_rgba
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

_POINTS = 0.75  # per pixel of SVG
_INCH = 72  # points per inch
_SHIFTED = {"start": 0.0, "middle": 0.5, "end": 1.0}  # share of a text left of its anchor
_FULL = "100%"
_backend: Any = backend_pdf  # it has no types


def pdf(*figures: str) -> bytes:
    """Figures as PDF, one a page; equal figures give equal bytes.

    Args:
        figures: Each as SVG.
    """
    buffer = io.BytesIO()
    # Date and versions would make equal figures differ.
    file = _backend.PdfFile(
        buffer, metadata={"CreationDate": None, "Producer": None, "Creator": None}
    )
    for figure in figures:
        _add_page(file, ET.fromstring(figure))
    file.finalize()
    file.close()
    return buffer.getvalue()


def _add_page(file: Any, root: ET.Element) -> None:
    left, _, width, height = (float(number) for number in root.get("viewBox", "").split())
    inches = width * _POINTS / _INCH, height * _POINTS / _INCH
    to_page = Affine2D().translate(-left, -height).scale(_POINTS, -_POINTS)  # PDF's y goes up
    file.newPage(*inches)
    # At 72 dots per inch a dot is a point.
    renderer = _backend.RendererPdf(file, _INCH, inches[1], inches[0])
    for element in root:
        if element.tag.endswith("}text"):
            _write(renderer, element, to_page)
        elif (outline := _outline(element)) is not None:
            _draw(renderer, element, outline, to_page)
    renderer.finalize()


def _draw(renderer: Any, element: ET.Element, outline: Path, to_page: Affine2D) -> None:
    fill, stroke = element.get("fill", "none"), element.get("stroke", "none")
    alpha = float(element.get("fill-opacity", "1"))
    look = renderer.new_gc()
    dashes = [float(step) * _POINTS for step in element.get("stroke-dasharray", "").split()]
    if dashes:
        look.set_dashes(0, dashes)
    stroked = stroke != "none"
    look.set_foreground(stroke if stroked else "#000")
    # Matplotlib strokes every path; a width of 0 stands for no stroke.
    look.set_linewidth(float(element.get("stroke-width", "1")) * _POINTS if stroked else 0)
    # Caps and joins are SVG's defaults.
    look.set_capstyle("butt")
    look.set_joinstyle("miter")
    look.set_alpha(alpha)
    renderer.draw_path(look, outline, to_page, to_rgba(fill, alpha) if fill != "none" else None)
    look.restore()


def _write(renderer: Any, element: ET.Element, to_page: Affine2D) -> None:
    text, font = element.text or "", _font(element.get("font-weight", "normal"))
    x, y = to_page.transform((float(element.get("x", "")), float(element.get("y", ""))))
    # A dollar sign in a name begins no mathematics.
    width, _, _ = renderer.get_text_width_height_descent(text, font, ismath=False)
    look = renderer.new_gc()
    look.set_foreground(element.get("fill", "#000"))
    x -= width * _SHIFTED[element.get("text-anchor", "start")]
    renderer.draw_text(look, x, y, text, font, 0)
    look.restore()


@cache
def _font(weight: str) -> FontProperties:
    return FontProperties(size=12 * _POINTS, weight=weight)


def _outline(element: ET.Element) -> Path | None:
    """The outline of an element; None for the white ground and for the title."""

    def number(name: str) -> float:
        return float(element.get(name, ""))

    match element.tag.rpartition("}")[2]:
        case "path":
            return _path(element.get("d", ""))
        case "circle":
            return Path.circle((number("cx"), number("cy")), number("r"))
        # The white ground alone has its width in per cent, and paper is white.
        case "rect" if element.get("width") != _FULL:
            scaled = Affine2D().scale(number("width"), number("height"))
            return Path.unit_rectangle().transformed(scaled.translate(number("x"), number("y")))
    return None


def _path(commands: str) -> Path:
    points: list[tuple[float, float]] = []
    codes: list[int] = []
    x = y = 0.0
    for letter, numbers in re.findall(r"([MLHVhv])([^MLHVhv]*)", commands):
        # Small numbers are written with an exponent.
        values = [float(number) for number in re.findall(r"-?[\d.]+(?:e-?\d+)?", numbers)]
        match letter:
            case "M" | "L":
                x, y = values
            case "H":
                [x] = values
            case "V":
                [y] = values
            case "h":
                x += values[0]
            case "v":
                y += values[0]
        points.append((x, y))
        codes.append(int(Path.MOVETO if letter == "M" else Path.LINETO))
    return Path(points, codes)
