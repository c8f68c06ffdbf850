"""Runs of the command line in processes of their own, which may be killed."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from heatproof import cli
from heatproof.stages import blocks, trust


def _command_line(words: tuple[str, ...], log: Path, before: Callable[[], None] | None) -> None:
    from heatproof.run import pipeline

    # Many units, so that an end finds some done and others not.
    blocks.BLOCK = pipeline.BLOCK = trust.FILMS = trust.PAIRS = 2
    os.environ["COLUMNS"] = "240"
    with log.open("a") as file:
        os.dup2(file.fileno(), 2)
    if before is not None:
        before()
    sys.argv = ["heatproof", *words]
    cli.main()


class AtUnit:
    """Does something as soon as so many units of a run are done."""

    def __init__(self, number: int, does: Callable[[], None]) -> None:
        self._left, self._does = number, does

    def __call__(self) -> None:
        """Watch the units from now on."""
        advance = cli.Watched.advance

        def watched(*arguments: object, **more: object) -> None:
            advance(*arguments, **more)
            self._left -= 1
            if not self._left:
                self._does()

        cli.Watched.advance = watched


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
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
    assert process.exitcode is not None
    return process.exitcode, log.read_text(errors="replace")


KILL = -signal.SIGKILL
