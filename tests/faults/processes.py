"""Runs of the command line in processes of their own, which may be killed."""

import json
import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from heatproof import cli
from heatproof.cli.progress import Watcher
from heatproof.stages import blocks, trust

USED, STAGE = "used.json", "stage"
_TICK = os.sysconf("SC_CLK_TCK")


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class AtUnit:
    """Does something as soon as so many units of a run are done.

    Attributes:
        number: How many.
        does: What is done then.
        first: What is done before the run.
    """

    number: int
    does: Callable[[], None]
    first: Callable[[], None] = _nothing


def _command_line(
    words: tuple[str, ...], log: Path, before: Callable[[], None] | AtUnit | None
) -> None:
    from heatproof.run import pipeline

    # Many units, so that an end finds some done and others not.
    blocks.BLOCK = pipeline.BLOCK = trust.FILMS = trust.PAIRS = 2
    os.environ["COLUMNS"] = "240"
    with log.open("a") as file:
        os.dup2(file.fileno(), 2)
    threading.Thread(target=_end_with_the_test, daemon=True).start()
    # Whoever started the tests may ignore signals, as nohup and shells in the background do.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    at = before if isinstance(before, AtUnit) else AtUnit(0, _nothing, before or _nothing)
    units = Units(log.with_name(STAGE), at)
    units.watch()
    at.first()
    began = resource.getrusage(resource.RUSAGE_SELF)
    sys.argv = ["heatproof", *words]
    try:
        cli.main()
    finally:
        ended = resource.getrusage(resource.RUSAGE_SELF)
        seconds = ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime
        # Signals, broken disks and full memory end here, too; what a run used matters to none.
        if before is None:
            used = {"seconds": seconds, "units": units.done, "modules": list(sys.modules)}
            log.with_name(USED).write_text(json.dumps(used))


def _end_with_the_test() -> None:
    """Leave no process behind where the tests are killed."""
    tests = multiprocessing.parent_process()
    assert tests is not None
    tests.join()
    os.kill(os.getpid(), signal.SIGKILL)


class Units:
    """Counts the units of a run, and writes down which stage it is in."""

    def __init__(self, stage: Path, at: AtUnit) -> None:
        self._stage, self._at, self.done = stage, at, 0

    def watch(self) -> None:
        """From now on."""
        watcher = cli.watcher

        def counting(*arguments: object, **more: object) -> Watcher:
            shown = watcher(*arguments, **more)
            advance, start = shown.advance, shown.start

            def advanced(*arguments: object, **more: object) -> None:
                advance(*arguments, **more)
                self.done += 1
                if self.done == self._at.number:
                    self._at.does()

            def started(stage: str, units: int) -> None:
                start(stage, units)
                self._stage.write_text(stage)

            shown.advance, shown.start = advanced, started
            return shown

        cli.watcher = counting


class Send:
    """Sends a signal to its own process."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __call__(self) -> None:
        """Send it."""
        os.kill(os.getpid(), self._number)


def heatproof(
    *words: str,
    folder: Path,
    before: Callable[[], None] | AtUnit | None = None,
    seconds: float | None = None,
    alone: bool = False,
) -> tuple[int, str]:
    """Exit status and what was said.

    Args:
        words: The command line.
        folder: Where a log is written, and the stage that the run is in.
        before: Called in the process before the command, or at a unit.
        seconds: After so many seconds of the processor the process is killed.
        alone: Whether it imports everything itself, and is no copy of a process that has.
    """
    log = folder / "log"
    log.write_text("")
    start = multiprocessing.get_context("spawn" if alone else "forkserver")
    if not alone:  # imports torch once, not at every start
        start.set_forkserver_preload(["heatproof.run.pipeline", "tests.faults.warm"])
    process = start.Process(target=_command_line, args=(words, log, before))
    process.start()
    try:
        while seconds is not None and process.is_alive() and _used(process.pid) < seconds:
            time.sleep(0.005)
        process.join(0 if seconds is not None else None)
    finally:  # a test that fails meanwhile, as at its time limit, leaves nothing behind
        process.kill()
        process.join()
    assert process.exitcode is not None
    return process.exitcode, log.read_text(errors="replace")


def _used(process: int | None) -> float:
    """Seconds of the processor that a process has used."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has ended
        return float("inf")
    return (int(fields[11]) + int(fields[12])) / _TICK
