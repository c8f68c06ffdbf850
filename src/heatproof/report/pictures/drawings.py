"""Forest plots and box plots as SVG files that stand alone.

Sizes are in units of the file.  No colour says what a shape or a word does not say as well.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from heatproof.analysis.diagnosis import Spread
from heatproof.report.pictures.positions import box_axis, mark, place, ticks
from heatproof.types import Estimate
from heatproof.words import estimate as estimate_text

LETTER = 7.2  # the largest mean width of a letter in the fonts of the figures, at 12 units
# Columns of labels, plot and values, height of a line and of the title, in units of the file.
LEFT, WIDE, RIGHT, LINE, TOP = 210.0, 320.0, 170.0, 24.0, 34.0
INK, SOFT, HAIR, ACCENT, PRIOR_INK = "#1c2226", "#535d63", "#d9d5ca", "#0b5a73", "#8a5200"


@dataclass(frozen=True)
class Forest:
    """Estimates below one another on one axis.

    Attributes:
        name: The name of its file, without an extension.
        rows: Label and estimate.
        low: The left end of the axis.
        high: The right end of the axis.
        reference: Where a dashed line stands; None for no line.
        signed: Whether the estimates are differences or slopes, and carry their sign.
    """

    name: str
    title: str
    rows: tuple[tuple[str, Estimate], ...]
    low: float = 0.0
    high: float = 1.0
    reference: float | None = None
    signed: bool = False


def forest_svg(forest: Forest) -> str:
    """The forest plot as SVG."""
    strokes = _axis(forest.low, forest.high, len(forest.rows))
    bottom = TOP + LINE * len(forest.rows)
    if forest.reference is not None:
        x = _x(place(forest.reference, forest.low, forest.high))
        strokes.append(
            f'<path d="M{x:g} {TOP - 4:g}V{bottom:g}" stroke="{PRIOR_INK}" stroke-dasharray="4 3"/>'
        )
    for line, (label, estimate) in enumerate(forest.rows):
        y = TOP + LINE * (line + 0.5)
        at = mark(estimate, forest.low, forest.high)
        value = estimate_text(estimate, difference=forest.signed)
        # Text stands on its baseline, 4 units below the middle of its letters.
        strokes.append(svg_text(LEFT - 12, y + 4, label, "end"))
        strokes.append(svg_text(LEFT + WIDE + 12, y + 4, value))
        if at.low is not None and at.width is not None:
            start, end = _x(at.low), _x(at.low + at.width)
            ends = "".join(f"M{x:g} {y - 4:g}v8" for x in (start, end))
            strokes.append(
                f'<path d="M{start:g} {y:g}H{end:g}{ends}" stroke="{ACCENT}" stroke-width="1.5"/>'
            )
        if at.value is not None:
            strokes.append(f'<circle cx="{_x(at.value):g}" cy="{y:g}" r="4" fill="{ACCENT}"/>')
    beyond = _beyond(label for label, _ in forest.rows)
    return svg_page(forest.title, strokes, LEFT + WIDE + RIGHT, bottom + 34, beyond)


def boxes_svg(title: str, spreads: Sequence[Spread]) -> str:
    """Box plots as SVG: boxes between the quartiles, with the median, whiskers to the extremes."""
    axis = box_axis(spreads)
    strokes = _axis(axis.low, axis.high, len(spreads))
    for line, spread in enumerate(spreads):
        y = TOP + LINE * (line + 0.5)
        strokes.append(svg_text(LEFT - 12, y + 4, spread.finding, "end"))
        strokes.append(svg_text(LEFT + WIDE + 12, y + 4, f"n = {spread.cases}"))
        # A finding without cases keeps its line, and has no box.
        if not spread.cases:
            continue
        least, q1, median, q3, most = map(_x, axis.places(spread))
        strokes.append(
            f'<path d="M{least:g} {y:g}H{q1:g}M{q3:g} {y:g}H{most:g}" stroke="{ACCENT}"/>'
            f'<rect x="{q1:g}" y="{y - 6:g}" width="{q3 - q1:g}" height="12" fill="none"'
            f' stroke="{ACCENT}"/>'
            f'<path d="M{median:g} {y - 6:g}v12" stroke="{ACCENT}" stroke-width="2.5"/>'
        )
    beyond = _beyond(spread.finding for spread in spreads)
    return svg_page(title, strokes, LEFT + WIDE + RIGHT, TOP + LINE * len(spreads) + 34, beyond)


def _beyond(labels: Iterable[str]) -> float:
    """How far the longest label reaches to the left of the origin."""
    return max(LETTER * max(map(len, labels), default=0) + 18 - LEFT, 0.0)


def _axis(low: float, high: float, rows: int) -> list[str]:
    bottom = TOP + LINE * rows
    strokes = []
    for percent, label in ticks(low, high):
        x = _x(percent)
        strokes.append(f'<path d="M{x:g} {TOP:g}V{bottom:g}" stroke="{HAIR}"/>')
        strokes.append(svg_text(x, bottom + 16, label, "middle", SOFT))
    strokes.append(f'<path d="M{LEFT:g} {bottom:g}h{WIDE:g}" stroke="{INK}"/>')
    return strokes


def _x(percent: float) -> float:
    return round(LEFT + WIDE * percent / 100, 1)


def svg_text(x: float, y: float, text: str, anchor: str = "start", ink: str = INK) -> str:
    """Text as an element of SVG; ``anchor`` is the end of the text that stands at x."""
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{ink}">{escape(_printable(text))}'
        "</text>"
    )


def svg_page(
    title: str, strokes: Sequence[str], width: float, height: float, beyond: float = 0.0
) -> str:
    """A whole SVG file: a white ground, the title, and the strokes.

    Args:
        title: The title, in words.
        strokes: Elements of SVG.
        width: Width to the right of the origin.
        height: Height below the origin.
        beyond: How far the strokes reach to the left of the origin.
    """
    # Long labels widen the file to the left, so that all else keeps its place.
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
    """The text without control characters, which no XML may hold."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
