"""An early end: told in words, within seconds, and never with status 0.

SIGINT (Ctrl-C), SIGTERM (schedulers, ``kill``) and SIGHUP (a lost terminal) raise ``Stopped`` in
the main thread.  Where that thread is busy with something that does not listen, the process ends
all the same, ``GRACE`` seconds later: all files are written whole, so nothing is lost by it.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

GRACE = 4.0  # seconds; schedulers send SIGKILL after 5 or more
_SIGNALS = [signal.SIGINT, signal.SIGTERM] + [
    getattr(signal, name) for name in ("SIGHUP",) if hasattr(signal, name)
]


class Stopped(BaseException):
    """The process was told to end.  No ``Exception``, so that what handles errors lets it pass.

    Attributes:
        signal: How it was told.
    """

    def __init__(self, number: int) -> None:
        self.signal = signal.Signals(number)
        super().__init__(
            f"Interrupted ({self.signal.name}). Give the same command again to go on where it was."
        )

    @property
    def status(self) -> int:
        """The exit status, by which shells, make and Slurm know the signal."""
        return 128 + self.signal


@contextmanager
def stoppable(say: Callable[[str], None]) -> Iterator[None]:
    """Raise ``Stopped`` in the block where a signal says so; for the main thread.

    Signals that are ignored, as SIGHUP is under ``nohup``, stay ignored.

    Args:
        say: Told why, where the process ends before the block does.
    """
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    heard = {number for number, handler in before.items() if handler is not signal.SIG_IGN}
    ours = os.getpid()
    read, write = os.pipe()
    os.set_blocking(write, False)

    def stop(number: int, _: FrameType | None) -> None:
        # A second one ends the process at once.
        _restore(dict.fromkeys(heard, signal.SIG_DFL))
        raise Stopped(number)

    def watch() -> None:
        # Python calls handlers between two steps of the main thread, which may be in the middle of
        # a long one; the number of the signal comes through the pipe at once.
        while (number := os.read(read, 1)) and number[0] not in heard:
            pass
        if number:
            time.sleep(GRACE)
            stopped = Stopped(number[0])
            say(str(stopped))
            os._exit(stopped.status)

    def leave_alone() -> None:
        # A copy of the process, such as one that reads images, is ended by its parent.
        if os.getppid() == ours:
            signal.set_wakeup_fd(-1)
            _restore(before)

    threading.Thread(target=watch, daemon=True).start()
    os.register_at_fork(after_in_child=leave_alone)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    _restore(dict.fromkeys(heard, stop))
    try:
        yield
    except Stopped:
        raise  # the watch goes on: what ends a process may take long, too
    except BaseException:
        signal.set_wakeup_fd(-1)
        _restore(before)
        raise
    else:
        signal.set_wakeup_fd(-1)
        _restore(before)


def _restore(handlers: Mapping[Any, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
