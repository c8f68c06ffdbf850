"""Runs of the command line in processes of their own, which may be killed."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from heatproof import cli
from heatproof.cli.progress import Watcher
from heatproof.stages import blocks, trust


def _command_line(words: tuple[str, ...], log: Path, before: Callable[[], None] | None) -> None:
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
    if before is not None:
        before()
    sys.argv = ["heatproof", *words]
    cli.main()


def _end_with_the_test() -> None:
    """Leave no process behind where the tests are killed."""
    tests = multiprocessing.parent_process()
    assert tests is not None
    tests.join()
    os.kill(os.getpid(), signal.SIGKILL)


class AtUnit:
    """Does something as soon as so many units of a run are done."""

    def __init__(self, number: int, does: Callable[[], None]) -> None:
        self._left, self._does = number, does

    def __call__(self) -> None:
        """Watch the units from now on."""
        watcher = cli.watcher

        def counting(*arguments: object, **more: object) -> Watcher:
            shown = watcher(*arguments, **more)
            advance = shown.advance

            def advanced(*arguments: object, **more: object) -> None:
                advance(*arguments, **more)
                self._left -= 1
                if not self._left:
                    self._does()

            shown.advance = advanced
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
    before: Callable[[], None] | None = None,
    seconds: float | None = None,
) -> tuple[int, str]:
    """Exit status and what was said.

    Args:
        words: The command line.
        folder: Where a log is written.
        before: Called in the process before the command.
        seconds: After so many the process is killed.
    """
    log = folder / "log"
    log.write_text("")
    start = multiprocessing.get_context("forkserver")  # imports torch once, not at every start
    start.set_forkserver_preload(["heatproof.run.pipeline"])
    process = start.Process(target=_command_line, args=(words, log, before))
    process.start()
    try:
        process.join(seconds)
    finally:  # a test that fails meanwhile, as at its time limit, leaves nothing behind
        process.kill()
        process.join()
    assert process.exitcode is not None
    return process.exitcode, log.read_text(errors="replace")


KILL = -signal.SIGKILL
