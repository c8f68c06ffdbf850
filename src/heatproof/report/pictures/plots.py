"""Figures with two axes: curves over thresholds, and scores against what they may depend on.

As in ``drawings``: numbers in, strokes out, and no colour tells what a shape or a word does not
tell as well.  Curves differ in marker and dash.
"""

import math
from dataclasses import dataclass

from heatproof.report.pictures.drawings import ACCENT, HAIR, INK, PRIOR_INK, SOFT, page, text
from heatproof.report.pictures.positions import place, scale
from heatproof.types import Estimate

LEFT, TOP, WIDE, HIGH, RIGHT, BELOW = 64.0, 52.0, 340.0, 260.0, 210.0, 52.0
_INKS = (ACCENT, PRIOR_INK, "#5b2a86", "#2e6b34", "#8c1d40", SOFT)
_DASHES = ("", "6 3", "2 3", "8 3 2 3")
Point = tuple[float, Estimate]


@dataclass(frozen=True)
class Curve:
    """Estimates along the horizontal axis, joined in this order."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Plot:
    """Curves, or dots and what runs through them, on two axes.

    Attributes:
        name: Of its file, without an extension.
        title: In words.
        across: What the horizontal axis is.
        up: What the vertical axis is.
        low: Where the axes start: across and up.
        high: Where they end.
        dots: Single cases.
    """

    name: str
    title: str
    across: str
    up: str
    curves: tuple[Curve, ...]
    low: tuple[float, float] = (0.0, 0.0)
    high: tuple[float, float] = (1.0, 1.0)
    dots: tuple[tuple[float, float], ...] = ()


def plot(drawn: Plot) -> str:
    """The SVG."""
    strokes = _axes(drawn)
    for x, y in drawn.dots:
        at = _at(drawn, x, y)
        strokes.append(
            f'<circle cx="{at[0]:g}" cy="{at[1]:g}" r="2" fill="{SOFT}" fill-opacity="0.35"/>'
        )
    for number, curve in enumerate(drawn.curves):
        strokes += _curve(drawn, number, curve)
        strokes += _legend(number, curve.name)
    return page(drawn.title, strokes, LEFT + WIDE + RIGHT, TOP + HIGH + BELOW)


def _axes(drawn: Plot) -> list[str]:
    bottom, strokes = TOP + HIGH, []
    for percent, label in scale(drawn.low[0], drawn.high[0]):
        x = LEFT + WIDE * percent / 100
        strokes.append(f'<path d="M{x:g} {TOP:g}V{bottom:g}" stroke="{HAIR}"/>')
        strokes.append(text(x, bottom + 16, label, "middle", SOFT))
    for percent, label in scale(drawn.low[1], drawn.high[1]):
        y = bottom - HIGH * percent / 100
        strokes.append(f'<path d="M{LEFT:g} {y:g}h{WIDE:g}" stroke="{HAIR}"/>')
        strokes.append(text(LEFT - 8, y + 4, label, "end", SOFT))
    strokes.append(f'<path d="M{LEFT:g} {TOP:g}V{bottom:g}h{WIDE:g}" fill="none" stroke="{INK}"/>')
    strokes.append(text(LEFT + WIDE / 2, bottom + 36, drawn.across, "middle"))
    strokes.append(text(LEFT, TOP - 6, drawn.up))
    return strokes


def _curve(drawn: Plot, number: int, curve: Curve) -> list[str]:
    ink, dash = _style(number)
    known = [(x, e) for x, e in curve.points if math.isfinite(e.value) and math.isfinite(x)]
    joined = " L".join("{:g} {:g}".format(*_at(drawn, x, e.value)) for x, e in known)
    strokes = [f'<path d="M{joined}" fill="none" stroke="{ink}"{dash}/>'] if len(known) > 1 else []
    for x, estimate in known:
        across, up = _at(drawn, x, estimate.value)
        if math.isfinite(estimate.low) and math.isfinite(estimate.high):
            ends = _at(drawn, x, estimate.low)[1], _at(drawn, x, estimate.high)[1]
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
        text(x + 32, y + 4, name),
    ]


def _marker(number: int, x: float, y: float, ink: str) -> str:
    if number % 2 == 0:
        return f'<circle cx="{x:g}" cy="{y:g}" r="3.5" fill="{ink}"/>'
    return f'<rect x="{x - 3:g}" y="{y - 3:g}" width="6" height="6" fill="{ink}"/>'


def _style(number: int) -> tuple[str, str]:
    dash = _DASHES[number // 2 % len(_DASHES)]
    return _INKS[number % len(_INKS)], f' stroke-dasharray="{dash}"' if dash else ""


def _at(drawn: Plot, x: float, y: float) -> tuple[float, float]:
    across = place(x, drawn.low[0], drawn.high[0])
    up = place(y, drawn.low[1], drawn.high[1])
    return round(LEFT + WIDE * across / 100, 1), round(TOP + HIGH * (1 - up / 100), 1)
