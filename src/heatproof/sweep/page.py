"""The page of a sweep: every trial against everything that was searched, in the report's style.

Self-contained like the report, without a script.  It tells what selected (classification of the
validation images) apart from what did not (localization, where it was measured).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from heatproof.report.page.html import shared_environment
from heatproof.report.pictures.positions import SIDE, place

Value = bool | int | float | str
Kind = Literal["best", "complete", "pruned"]
_STEP = 0.05  # the ends of a vertical axis are multiples of it


@dataclass(frozen=True)
class Axis:
    """What lies along the horizontal: a range, or values side by side.

    Attributes:
        name: Of the parameter.
        low: Of a range.
        high: Of a range.
        log: Whether equal ratios are equally far.
        choices: Instead of a range.
    """

    name: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    choices: tuple[Value, ...] = ()

    def x(self, value: Value) -> float:
        """Where a value stands, from 0 to ``SIDE``."""
        if self.choices:
            return round(SIDE * (self.choices.index(value) + 0.5) / len(self.choices), 1)
        assert not isinstance(value, str)
        scale = math.log if self.log else float
        return place(scale(value), scale(self.low), scale(self.high))

    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Position and label: both ends, or every choice."""
        values: Sequence[Value] = self.choices or (self.low, self.high)
        return tuple((self.x(value), said(value)) for value in values)


@dataclass(frozen=True)
class Dot:
    """One trial of a plot.

    Attributes:
        x: Its value of the parameter.
        y: What is plotted; not ``nan``.
        kind: The one that was selected is told from the others.
        words: What it is, for those who ask.
    """

    x: Value
    y: float
    kind: Kind
    words: str


@dataclass(frozen=True)
class Plot:
    """Trials of one family against one parameter.

    Attributes:
        title: The family.
        axis: The parameter.
        dots: Trials.
        what: The name of what is plotted.
        low: End of the vertical axis.
        high: Likewise.
        reference: A value to compare with, such as the prior's; None for none.
    """

    title: str
    axis: Axis
    dots: tuple[Dot, ...]
    what: str
    low: float
    high: float
    reference: float | None = None

    def y(self, value: float) -> float:
        """Where a value stands, from 0 at the top to ``SIDE``."""
        return round(SIDE - place(value, self.low, self.high), 1)


@dataclass(frozen=True)
class Chosen:
    """The trial of a family that was selected, and how many it was selected from."""

    family: str
    architecture: str
    head: str
    values: tuple[tuple[str, Value], ...]
    number: int
    auroc: float
    complete: int
    pruned: int
    failed: int


@dataclass(frozen=True)
class Rows:
    """The trials of one family as a table."""

    family: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Panel:
    """One localization metric of one method's maps, over the trials."""

    title: str
    plots: tuple[Plot, ...]


@dataclass(frozen=True)
class Content:
    """What the page says.

    Attributes:
        title: Of the experiment.
        trials: Of each family.
        validation: Names of the data that selected.
        chosen: One per family.
        plots: By family: one plot for each of its parameters.
        tables: One per family.
        localized: None where localization was not measured.
    """

    title: str
    trials: int
    validation: tuple[str, ...]
    chosen: tuple[Chosen, ...]
    plots: tuple[tuple[str, tuple[Plot, ...]], ...]
    tables: tuple[Rows, ...]
    localized: tuple[Panel, ...] | None


def render(content: Content) -> str:
    """The page; the same content gives the same bytes."""
    return shared_environment().get_template("sweep.html").render(content=content, said=said)


def said(value: Value) -> str:
    """A value of a parameter, to three digits."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def span(values: Sequence[float]) -> tuple[float, float]:
    """The vertical axis that holds these values, which may be none."""
    if not values:
        return 0.0, 1.0
    low = _STEP * math.floor(min(values) / _STEP)
    high = _STEP * math.ceil(max(values) / _STEP)
    return round(low, 2), round(max(high, low + _STEP), 2)
