"""A figure as PDF: the strokes of our own SVG files, drawn by Matplotlib.

Of SVG only what ``drawings`` and ``plots`` write is understood: paths of M, L, H, V, h and v,
rectangles, circles and text.
"""

import io
import re
from typing import Any
from xml.etree import ElementTree as ET

from matplotlib.figure import Figure
from matplotlib.patches import Circle, PathPatch, Rectangle
from matplotlib.path import Path

_POINTS = 0.75  # of a pixel of SVG
_ANCHOR = {"start": "left", "middle": "center", "end": "right"}
_FULL = "100%"


def pdf(svg: str) -> bytes:
    """The same figure; the same bytes for the same figure."""
    root = ET.fromstring(svg)
    left, _, width, height = (float(number) for number in root.get("viewBox", "").split())
    figure = Figure(figsize=(width / 96, height / 96))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(left, left + width), ylim=(height, 0))
    axes.axis("off")
    for element in root:
        look = _look(element)
        match element.tag.rpartition("}")[2]:
            case "path":
                axes.add_patch(PathPatch(_path(element.get("d", "")), **look))
            case "circle":
                x, y, radius = (float(element.get(name, "")) for name in ("cx", "cy", "r"))
                axes.add_patch(Circle((x, y), radius, **look))
            case "rect" if element.get("width") != _FULL:
                x, y, w, h = (float(element.get(n, "")) for n in ("x", "y", "width", "height"))
                axes.add_patch(Rectangle((x, y), w, h, **look))
            case "text":
                axes.text(
                    float(element.get("x", "")),
                    float(element.get("y", "")),
                    (element.text or "").replace("$", r"\$"),
                    ha=_ANCHOR[element.get("text-anchor", "start")],
                    va="baseline",
                    color=element.get("fill", "#000"),
                    fontsize=12 * _POINTS,
                    fontweight=element.get("font-weight", "normal"),
                )
    written = io.BytesIO()
    nothing = {"CreationDate": None, "Producer": None, "Creator": None}
    figure.savefig(written, format="pdf", metadata=nothing)
    return written.getvalue()


def _look(element: ET.Element) -> dict[str, Any]:
    """Colours and dashes, as Matplotlib names them."""
    fill, stroke = element.get("fill"), element.get("stroke", "none")
    dashes = [float(step) * _POINTS for step in element.get("stroke-dasharray", "").split()]
    return {
        "facecolor": fill if fill and element.tag.rpartition("}")[2] != "path" else "none",
        "edgecolor": stroke,
        "linewidth": float(element.get("stroke-width", "1")) * _POINTS if stroke != "none" else 0,
        "linestyle": (0, dashes) if dashes else "-",
        "alpha": float(element.get("fill-opacity", "1")),
    }


def _path(commands: str) -> Path:
    points: list[tuple[float, float]] = []
    codes: list[int] = []
    x = y = 0.0
    for letter, numbers in re.findall(r"([MLHVhv])([^MLHVhv]*)", commands):
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
