"""The page of a sweep: every trial against every parameter that was searched.

The page has the style of the report and is self-contained like it, without a script.  It keeps
apart what selected a trial (classification of the validation films) and what did not (localization,
where it was measured).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from heatproof.report.page.html import page_environment
from heatproof.report.pictures.positions import CURVE_SIDE, place
from heatproof.sweep.space import ParameterValue

TrialKind = Literal["best", "complete", "pruned"]
_STEP = 0.05  # the ends of a vertical axis are multiples of it


@dataclass(frozen=True)
class Axis:
    """The horizontal axis of a plot: a range, or values side by side.

    Attributes:
        name: The parameter.
        low: The left end of a range.
        high: The right end of a range.
        log: Whether the axis is logarithmic.
        choices: The values, where there is no range.
    """

    name: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    choices: tuple[ParameterValue, ...] = ()

    def x(self, value: ParameterValue) -> float:
        """The position of a value, from 0 to ``CURVE_SIDE``."""
        if self.choices:
            return round(CURVE_SIDE * (self.choices.index(value) + 0.5) / len(self.choices), 1)
        assert not isinstance(value, str)
        scale = math.log if self.log else float
        return place(scale(value), scale(self.low), scale(self.high))

    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Position and label of both ends, or of every choice."""
        values: Sequence[ParameterValue] = self.choices or (self.low, self.high)
        return tuple((self.x(value), value_text(value)) for value in values)


@dataclass(frozen=True)
class Dot:
    """One trial of a plot.

    Attributes:
        x: The value of the parameter in this trial.
        y: The value that is plotted; not ``nan``.
        kind: ``"best"`` for the trial that was selected.
        words: What the browser shows when one points at the dot.
    """

    x: ParameterValue
    y: float
    kind: TrialKind
    words: str


@dataclass(frozen=True)
class TrialPlot:
    """Trials of one family against one parameter.

    Attributes:
        title: The family.
        axis: The parameter.
        dots: The trials.
        label: The name of what is plotted.
        low: The lower end of the vertical axis.
        high: The upper end of the vertical axis.
        reference: A value to compare with, such as that of the prior; None for no value.
    """

    title: str
    axis: Axis
    dots: tuple[Dot, ...]
    label: str
    low: float
    high: float
    reference: float | None = None

    def y(self, value: float) -> float:
        """The position of a value, from 0 at the top to ``CURVE_SIDE``."""
        # SVG counts from the top.
        return round(CURVE_SIDE - place(value, self.low, self.high), 1)


@dataclass(frozen=True)
class SelectedTrial:
    """The trial of a family that was selected, and from how many trials it was selected."""

    family: str
    architecture: str
    head: str
    values: tuple[tuple[str, ParameterValue], ...]
    number: int
    auroc: float
    complete: int
    pruned: int
    failed: int


@dataclass(frozen=True)
class TrialListing:
    """The trials of one family as a table."""

    family: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class MetricPlots:
    """One localization metric of one method's maps, over the trials."""

    title: str
    plots: tuple[TrialPlot, ...]


@dataclass(frozen=True)
class SweepContent:
    """Everything that the page says.

    Attributes:
        title: The name of the experiment.
        trials: The number of trials of each family.
        validation: Names of the data sets that selected.
        chosen: The selected trial of every family.
        plots: Every family with one plot for each of its parameters.
        tables: One table per family.
        localized: None where localization was not measured.
    """

    title: str
    trials: int
    validation: tuple[str, ...]
    chosen: tuple[SelectedTrial, ...]
    plots: tuple[tuple[str, tuple[TrialPlot, ...]], ...]
    tables: tuple[TrialListing, ...]
    localized: tuple[MetricPlots, ...] | None


def render_sweep(content: SweepContent) -> str:
    """The page; equal content gives equal bytes."""
    return (
        page_environment().get_template("sweep.html").render(content=content, value_text=value_text)
    )


def value_text(value: ParameterValue) -> str:
    """A value of a parameter, with three digits."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def span(values: Sequence[float]) -> tuple[float, float]:
    """The ends of a vertical axis that holds these values; 0 and 1 without any."""
    if not values:
        return 0.0, 1.0
    low = _STEP * math.floor(min(values) / _STEP)
    high = _STEP * math.ceil(max(values) / _STEP)
    # Multiples of 0.05 carry binary noise, and an axis of length 0 would divide by 0.
    return round(low, 2), round(max(high, low + _STEP), 2)
