"""Figures for paper: the drawings of the page as SVG files that stand alone.

Numbers in, strokes out; sizes are in points of the file.  No colour tells what a shape or a word
does not tell as well.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from heatproof.analysis.diagnosis import Spread
from heatproof.report.pictures.positions import mark, place, scale, spread
from heatproof.types import Estimate
from heatproof.words import estimate as told

LETTER = 7.2  # points that a letter takes, on average at most, in the widest of the fonts
LEFT, WIDE, RIGHT, LINE, TOP = 210.0, 320.0, 170.0, 24.0, 34.0
INK, SOFT, HAIR, ACCENT, PRIOR_INK = "#1c2226", "#535d63", "#d9d5ca", "#0b5a73", "#8a5200"


@dataclass(frozen=True)
class Forest:
    """Estimates below one another on one axis.

    Attributes:
        name: Of its file, without an extension.
        title: In words.
        rows: Label and estimate.
        low: Left end of the axis.
        high: Its right end.
        reference: Where a dashed line stands; None for nowhere.
        signed: Whether estimates are differences or slopes.
    """

    name: str
    title: str
    rows: tuple[tuple[str, Estimate], ...]
    low: float = 0.0
    high: float = 1.0
    reference: float | None = None
    signed: bool = False


def forest(drawn: Forest) -> str:
    """The SVG."""
    strokes = _axis(drawn.low, drawn.high, len(drawn.rows))
    bottom = TOP + LINE * len(drawn.rows)
    if drawn.reference is not None:
        x = _x(place(drawn.reference, drawn.low, drawn.high))
        strokes.append(
            f'<path d="M{x:g} {TOP - 4:g}V{bottom:g}" stroke="{PRIOR_INK}" stroke-dasharray="4 3"/>'
        )
    for line, (label, measured) in enumerate(drawn.rows):
        y = TOP + LINE * (line + 0.5)
        at = mark(measured, drawn.low, drawn.high)
        strokes.append(text(LEFT - 12, y + 4, label, "end"))
        strokes.append(text(LEFT + WIDE + 12, y + 4, told(measured, difference=drawn.signed)))
        if at.low is not None and at.width is not None:
            start, end = _x(at.low), _x(at.low + at.width)
            ends = "".join(f"M{x:g} {y - 4:g}v8" for x in (start, end))
            strokes.append(
                f'<path d="M{start:g} {y:g}H{end:g}{ends}" stroke="{ACCENT}" stroke-width="1.5"/>'
            )
        if at.value is not None:
            strokes.append(f'<circle cx="{_x(at.value):g}" cy="{y:g}" r="4" fill="{ACCENT}"/>')
    beyond = _beyond(label for label, _ in drawn.rows)
    return page(drawn.title, strokes, LEFT + WIDE + RIGHT, bottom + 34, beyond)


def boxes(title: str, spreads: Sequence[Spread]) -> str:
    """Box plots: from quartile to quartile, the median in between, whiskers to the extremes."""
    axis = spread(spreads)
    strokes = _axis(axis.low, axis.high, len(spreads))
    for line, one in enumerate(spreads):
        y = TOP + LINE * (line + 0.5)
        strokes.append(text(LEFT - 12, y + 4, one.finding, "end"))
        strokes.append(text(LEFT + WIDE + 12, y + 4, f"n = {one.cases}"))
        if not one.cases:
            continue
        least, q1, median, q3, most = map(_x, axis.places(one))
        strokes.append(
            f'<path d="M{least:g} {y:g}H{q1:g}M{q3:g} {y:g}H{most:g}" stroke="{ACCENT}"/>'
            f'<rect x="{q1:g}" y="{y - 6:g}" width="{q3 - q1:g}" height="12" fill="none"'
            f' stroke="{ACCENT}"/>'
            f'<path d="M{median:g} {y - 6:g}v12" stroke="{ACCENT}" stroke-width="2.5"/>'
        )
    beyond = _beyond(one.finding for one in spreads)
    return page(title, strokes, LEFT + WIDE + RIGHT, TOP + LINE * len(spreads) + 34, beyond)


def _beyond(labels: Iterable[str]) -> float:
    """How far the longest label reaches to the left of the origin."""
    return max(LETTER * max(map(len, labels), default=0) + 18 - LEFT, 0.0)


def _axis(low: float, high: float, rows: int) -> list[str]:
    bottom = TOP + LINE * rows
    strokes = []
    for percent, label in scale(low, high):
        x = _x(percent)
        strokes.append(f'<path d="M{x:g} {TOP:g}V{bottom:g}" stroke="{HAIR}"/>')
        strokes.append(text(x, bottom + 16, label, "middle", SOFT))
    strokes.append(f'<path d="M{LEFT:g} {bottom:g}h{WIDE:g}" stroke="{INK}"/>')
    return strokes


def _x(percent: float) -> float:
    return round(LEFT + WIDE * percent / 100, 1)


def text(x: float, y: float, words: str, anchor: str = "start", ink: str = INK) -> str:
    """Words at a place."""
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{ink}">{escape(_printable(words))}'
        "</text>"
    )


def page(
    title: str, strokes: Sequence[str], width: float, height: float, beyond: float = 0.0
) -> str:
    """A figure around its strokes.

    Args:
        title: In words.
        strokes: Elements of SVG.
        width: To the right of the origin.
        height: Below it.
        beyond: How far strokes reach to the left of the origin.
    """
    left = math.ceil(beyond)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg"'
        f' viewBox="{-left} 0 {width + left:g} {math.ceil(height)}"'
        f' width="{width + left:g}" height="{math.ceil(height)}" font-size="12"'
        f' font-family="Helvetica, Arial, sans-serif"><title>{escape(_printable(title))}</title>'
        f'<rect x="{-left}" width="100%" height="100%" fill="#fff"/>'
        f'<text x="{12 - left}" y="20" font-weight="bold">{escape(_printable(title))}</text>'
        f"{''.join(strokes)}</svg>\n"
    )


def _printable(text: str) -> str:
    """Without control characters, which no XML may hold."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
