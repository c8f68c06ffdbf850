"""While a run goes on, a terminal shows bars, a file gets lines, and both say what is left."""

import io
import re
import time

import pytest
from rich.console import Console

from heatproof.cli.progress import SECONDS, Bars, Lines, Pace, watcher
from heatproof.progress import Progress


def pace_after(seconds: float, units: int) -> Pace:
    times = iter([0.0])
    return Pace("score", units, clock=lambda: next(times, seconds))


def test_what_is_left_follows_from_the_pace_of_new_units() -> None:
    pace = pace_after(60, units=10)
    assert pace.left is None
    for skipped in (True, True, True, False, False):
        pace.advance(skipped=skipped)
    # Two units in a minute, and five to go.
    assert pace.left == pytest.approx(150)
    pace.share = 0.5
    assert pace.left == pytest.approx(60 / 2.5 * 4.5)
    assert pace.line() == "score: 5 of 10 done (3 of them before), 0:01:00, about 0:01:48 left"


def test_a_stage_that_is_done_before_needs_no_time() -> None:
    pace = pace_after(1, units=1)
    pace.advance(skipped=True)
    assert pace.left is None
    assert pace.line() == "score: 1 of 1 done (1 of them before), 0:00:01"


def said_by_lines(every: float | None, work: float) -> list[str]:
    out = io.StringIO()
    with Lines(Console(file=out, width=40), every) as lines:
        lines.start("explain", 3)
        lines.advance(skipped=True)
        lines.advance()
        lines.tell("epoch [3] of a long training with a long name that is not wrapped", 0.5)
        time.sleep(work)  # a unit that calls nothing
        lines.warn("a map is [constant]")
        lines.finish()
    return out.getvalue().splitlines()


def test_a_file_hears_of_a_unit_that_takes_long() -> None:
    said = said_by_lines(every=0.05, work=0.5)
    assert said[0] == "explain: 3 to do"
    between = [line for line in said if line.startswith("explain: 2 of 3 done (1 of them before)")]
    assert len(between) >= 5
    assert all(line.endswith("epoch [3] of a long training with a long name that is not wrapped")
               for line in between)  # fmt: skip
    assert "left" in between[0]
    assert said[-2] == "a map is [constant]"
    assert re.fullmatch(r"explain: done in 0:00:0\d", said[-1])


def test_when_quiet_warnings_are_all() -> None:
    assert said_by_lines(every=None, work=0.1) == ["a map is [constant]"]


def test_lines_are_at_most_ten_seconds_apart() -> None:
    assert SECONDS <= 10


def test_the_place_decides() -> None:
    terminal = Console(file=io.StringIO(), force_terminal=True)
    file = Console(file=io.StringIO())
    assert isinstance(watcher(terminal), Bars)
    assert isinstance(watcher(file), Lines)
    assert isinstance(watcher(terminal, quiet=True), Lines)
    for one in (watcher(terminal), watcher(file)):
        assert isinstance(one, Progress)


@pytest.mark.parametrize("plain", [True, False])
def test_bars_say_what_is_left_in_colours_unless_there_are_to_be_none(monkeypatch, plain) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    (monkeypatch.setenv if plain else lambda *_: None)("NO_COLOR", "1")
    if not plain:
        monkeypatch.delenv("NO_COLOR", raising=False)
    out = io.StringIO()
    with Bars(Console(file=out, force_terminal=True, width=120)) as bars:
        bars.start("explain", 4)
        bars.stages[-1].began -= 10
        bars.advance(note="cam")
        bars.tell("epoch [3]", 0.25)
        bars.warn("a map is constant")
    shown = out.getvalue()
    assert "1/4" in shown
    assert "epoch [3]" in shown
    assert re.search(r"0:00:10, 0:00:2\d left", shown)
    assert ("\x1b[33m" in shown) is not plain  # a warning in yellow
