"""Figures with two axes as SVG: curves over thresholds, and scores against a feature.

As in ``drawings``, no colour says what a shape or a word does not say as well: curves differ in
marker and dash.
"""

import math
from dataclasses import dataclass

from heatproof.report.pictures.drawings import (
    ACCENT,
    HAIR,
    INK,
    PRIOR_INK,
    SOFT,
    svg_page,
    svg_text,
)
from heatproof.report.pictures.positions import place, ticks
from heatproof.types import Estimate

# Margins, and the size of the axes between them, in units of the file.
LEFT, TOP, WIDE, HIGH, RIGHT, BELOW = 64.0, 52.0, 340.0, 260.0, 210.0, 52.0
# Inks and dashes of curves, in turn: six inks and four dashes differ in print and in grey.
_INKS = (ACCENT, PRIOR_INK, "#5b2a86", "#2e6b34", "#8c1d40", SOFT)
_DASHES = ("", "6 3", "2 3", "8 3 2 3")


@dataclass(frozen=True)
class PlotCurve:
    """Estimates along the horizontal axis: positions and estimates, joined in this order."""

    name: str
    points: tuple[tuple[float, Estimate], ...]


@dataclass(frozen=True)
class Plot:
    """Curves, and possibly dots, on two axes.

    Attributes:
        name: The name of its file, without an extension.
        across: The label of the horizontal axis.
        up: The label of the vertical axis.
        low: Where the horizontal and the vertical axis start.
        high: Where the horizontal and the vertical axis end.
        dots: Positions of single cases.
    """

    name: str
    title: str
    across: str
    up: str
    curves: tuple[PlotCurve, ...]
    low: tuple[float, float] = (0.0, 0.0)
    high: tuple[float, float] = (1.0, 1.0)
    dots: tuple[tuple[float, float], ...] = ()


def plot_svg(plot: Plot) -> str:
    """The plot as SVG."""
    strokes = _axes(plot)
    for dot in plot.dots:
        x, y = _position(plot, *dot)
        strokes.append(f'<circle cx="{x:g}" cy="{y:g}" r="2" fill="{SOFT}" fill-opacity="0.35"/>')
    for number, curve in enumerate(plot.curves):
        strokes += _curve(plot, number, curve)
        strokes += _legend(number, curve.name)
    return svg_page(plot.title, strokes, LEFT + WIDE + RIGHT, TOP + HIGH + BELOW)


def _axes(plot: Plot) -> list[str]:
    bottom, strokes = TOP + HIGH, []
    for percent, label in ticks(plot.low[0], plot.high[0]):
        x = LEFT + WIDE * percent / 100
        strokes.append(f'<path d="M{x:g} {TOP:g}V{bottom:g}" stroke="{HAIR}"/>')
        strokes.append(svg_text(x, bottom + 16, label, "middle", SOFT))
    for percent, label in ticks(plot.low[1], plot.high[1]):
        y = bottom - HIGH * percent / 100
        strokes.append(f'<path d="M{LEFT:g} {y:g}h{WIDE:g}" stroke="{HAIR}"/>')
        strokes.append(svg_text(LEFT - 8, y + 4, label, "end", SOFT))
    strokes.append(f'<path d="M{LEFT:g} {TOP:g}V{bottom:g}h{WIDE:g}" fill="none" stroke="{INK}"/>')
    strokes.append(svg_text(LEFT + WIDE / 2, bottom + 36, plot.across, "middle"))
    strokes.append(svg_text(LEFT, TOP - 6, plot.up))
    return strokes


def _curve(plot: Plot, number: int, curve: PlotCurve) -> list[str]:
    ink, dash = _style(number)
    # SVG has no nan, and a path breaks off at one.
    defined = [(x, e) for x, e in curve.points if math.isfinite(e.value) and math.isfinite(x)]
    joined = " L".join("{:g} {:g}".format(*_position(plot, x, e.value)) for x, e in defined)
    strokes = (
        [f'<path d="M{joined}" fill="none" stroke="{ink}"{dash}/>'] if len(defined) > 1 else []
    )
    for x, estimate in defined:
        across, up = _position(plot, x, estimate.value)
        if math.isfinite(estimate.low) and math.isfinite(estimate.high):
            ends = _position(plot, x, estimate.low)[1], _position(plot, x, estimate.high)[1]
            strokes.append(
                f'<path d="M{across:g} {ends[0]:g}V{ends[1]:g}" stroke="{ink}" stroke-width="1.2"/>'
            )
        strokes.append(_marker(number, across, up, ink))
    return strokes


def _legend(number: int, name: str) -> list[str]:
    ink, dash = _style(number)
    x, y = LEFT + WIDE + 16, TOP + 10 + 20 * number
    return [
        f'<path d="M{x:g} {y:g}h24" stroke="{ink}"{dash}/>',
        _marker(number, x + 12, y, ink),
        svg_text(x + 32, y + 4, name),
    ]


def _marker(number: int, x: float, y: float, ink: str) -> str:
    if number % 2 == 0:
        return f'<circle cx="{x:g}" cy="{y:g}" r="3.5" fill="{ink}"/>'
    return f'<rect x="{x - 3:g}" y="{y - 3:g}" width="6" height="6" fill="{ink}"/>'


def _style(number: int) -> tuple[str, str]:
    # Two neighbours share a dash, since their markers differ.
    dash = _DASHES[number // 2 % len(_DASHES)]
    return _INKS[number % len(_INKS)], f' stroke-dasharray="{dash}"' if dash else ""


def _position(plot: Plot, x: float, y: float) -> tuple[float, float]:
    across = place(x, plot.low[0], plot.high[0])
    up = place(y, plot.low[1], plot.high[1])
    return round(LEFT + WIDE * across / 100, 1), round(TOP + HIGH * (1 - up / 100), 1)
