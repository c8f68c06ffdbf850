"""What is seen while a run goes on: bars on a terminal, and plain lines elsewhere.

A log file, or that of Slurm, gets a line when a stage begins and ends, and one at least every
``SECONDS`` while it works, also where one unit takes long.  The time left is that of the stage, at
the pace of the units so far; those that were done before do not count.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn
from rich.progress import Progress as RichProgress
from rich.table import Table
from rich.text import Text

from heatproof.cli.terminal import escape
from heatproof.progress import Progress

SECONDS = 10.0


@dataclass
class Pace:
    """How far a stage is, and when it will be done.

    Attributes:
        stage: Its name.
        units: How many units it has.
        done: Units that were done now.
        skipped: Units that were done before.
        share: Share of the current unit that is done, in [0, 1].
        note: What was last told of it.
        began: When it began, in seconds of a clock.
        ended: When it ended; None while it goes on.
    """

    stage: str
    units: int
    clock: Callable[[], float] = time.monotonic
    done: int = 0
    skipped: int = 0
    share: float = 0.0
    note: str = ""
    began: float = field(init=False)
    ended: float | None = None

    def __post_init__(self) -> None:
        self.began = self.clock()

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return (self.clock() if self.ended is None else self.ended) - self.began

    @property
    def left(self) -> float | None:
        """Seconds left; None where nothing is done yet by which to tell."""
        made = self.done + self.share
        if made <= 0:
            return None
        return max(0.0, self.seconds / made * (self.units - self.skipped - made))

    def advance(self, *, skipped: bool) -> None:
        """One unit is done."""
        self.done += not skipped
        self.skipped += skipped
        self.share = 0.0

    def line(self) -> str:
        """Where it stands, in one line."""
        finished = self.done + self.skipped
        before = f" ({self.skipped} of them before)" if self.skipped else ""
        left = "" if self.left is None else f", about {_clock(self.left)} left"
        note = f": {self.note}" if self.note else ""
        counts = f"{self.stage}: {finished} of {self.units} done{before}"
        return f"{counts}, {_clock(self.seconds)}{left}{note}"


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


class Watcher(Progress, Protocol):
    """A ``Progress`` that shows a run while the ``with`` block lasts."""

    stages: list[Pace]

    def __enter__(self) -> "Watcher":
        """The run begins."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """The run is over, well or not."""


def watcher(console: Console, *, quiet: bool = False) -> Watcher:
    """What suits the place where messages go.

    Args:
        console: Where they go.
        quiet: Whether to show warnings alone.
    """
    if quiet:
        return Lines(console, every=None)
    return Bars(console) if console.is_terminal else Lines(console)


def summary(stages: list[Pace]) -> Table:
    """One row per stage."""
    table = Table("stage", "units done", "done before", "seconds")
    for pace in stages:
        table.add_row(pace.stage, str(pace.done), str(pace.skipped), f"{pace.seconds:.1f}")
    table.add_row("all", "", "", f"{sum(pace.seconds for pace in stages):.1f}")
    return table


class _Left(ProgressColumn):
    """Time left of the stage."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        pace: Pace = task.fields["pace"]
        if pace.ended is not None:
            return Text(_clock(pace.seconds))
        return Text(
            f"{_clock(pace.seconds)}" + (f", {_clock(pace.left)} left" if pace.left else "")
        )


class Bars:
    """A bar for each stage, on a terminal."""

    def __init__(self, console: Console) -> None:
        self.stages: list[Pace] = []
        self._console = console
        self._bars = RichProgress(
            TextColumn("[bold]{task.description:8}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Left(),
            TextColumn("{task.fields[note]}"),
            console=console,
        )

    def __enter__(self) -> "Bars":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def start(self, stage: str, units: int) -> None:
        """A stage begins."""
        self.stages.append(Pace(stage, units))
        self._task = self._bars.add_task(stage, total=units, note="", pace=self.stages[-1])

    def advance(self, *, skipped: bool = False, note: str = "") -> None:
        """A unit is done, or was done before."""
        self.stages[-1].advance(skipped=skipped)
        self._show(note)

    def tell(self, note: str, share: float | None = None) -> None:
        """How far the current unit is."""
        self.stages[-1].share = share or 0.0
        self._show(note)

    def warn(self, text: str) -> None:
        """A warning to somebody who waits for the end."""
        self._console.print(f"[yellow]{escape(text)}[/]", highlight=False)

    def finish(self) -> None:
        """The stage is over."""
        pace = self.stages[-1]
        pace.ended = pace.clock()
        self._show("")

    def _show(self, note: str) -> None:
        # Whole units alone: the column beside the bar counts them.
        completed = self.stages[-1].done + self.stages[-1].skipped
        self._bars.update(self._task, completed=completed, note=escape(note))


class Lines:
    """A line now and then, for files.

    Args:
        console: Where lines go.
        every: Seconds from line to line; None for warnings alone.
    """

    def __init__(self, console: Console, every: float | None = SECONDS) -> None:
        self.stages: list[Pace] = []
        self._console, self._every = console, every
        self._over = threading.Event()

    def __enter__(self) -> "Lines":
        if self._every is not None:
            # A thread, since a single unit may take minutes and calls nothing meanwhile.
            threading.Thread(target=self._tick, args=(self._every,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def start(self, stage: str, units: int) -> None:
        """A stage begins."""
        self.stages.append(Pace(stage, units))
        self._say(f"{stage}: {units} to do")

    def advance(self, *, skipped: bool = False, note: str = "") -> None:
        """A unit is done, or was done before."""
        self.stages[-1].advance(skipped=skipped)
        self.stages[-1].note = note

    def tell(self, note: str, share: float | None = None) -> None:
        """How far the current unit is."""
        self.stages[-1].note, self.stages[-1].share = note, share or 0.0

    def warn(self, text: str) -> None:
        """A warning, at once."""
        self._console.print(escape(text), highlight=False, soft_wrap=True)

    def finish(self) -> None:
        """The stage is over."""
        pace = self.stages[-1]
        pace.ended, pace.note = pace.clock(), ""
        self._say(f"{pace.stage}: done in {_clock(pace.seconds)}")

    def _tick(self, every: float) -> None:
        while not self._over.wait(every):
            if self.stages and self.stages[-1].ended is None:
                self._say(self.stages[-1].line())

    def _say(self, line: str) -> None:
        if self._every is not None:
            # Not wrapped, so that a line of a log is a line.
            self._console.print(escape(line), highlight=False, soft_wrap=True)
