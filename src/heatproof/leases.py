"""Leases: which of several workers makes what, so that each thing is made by one of them.

A lease is a file in a folder that all workers see.  Whoever creates it holds it, until it is
removed; creating a file that must not exist is atomic, on network file systems too.  A thread
touches the leases that are held, so a lease that nobody has touched for ``EXPIRY`` seconds is that
of a worker that is gone, and others take it over.  Where a worker of this machine is known to be
gone, nobody waits.

Two workers may hold one lease where a machine stood still for longer than that and woke up again.
So a lease saves work, and nothing may depend on it: what is made under one must be right when it is
made twice.
"""

import hashlib
import os
import platform
import threading
import uuid
from contextlib import suppress
from pathlib import Path

EXPIRY = 60.0  # seconds without a touch after which a worker is gone
_TOUCHES = 6  # in that time


class Leases:
    """The leases of one worker; see the module.

    Args:
        folder: Where they lie; made when needed.
        expiry: Seconds without a touch after which the lease of another is taken over; the same for
            all workers.
    """

    def __init__(self, folder: Path, expiry: float = EXPIRY) -> None:
        self._folder, self._expiry = folder, expiry
        self._worker = f"{platform.node()} {os.getpid()} {uuid.uuid4().hex}"
        self._held: set[Path] = set()
        self._touching: threading.Thread | None = None
        self._changing = threading.Lock()

    def take(self, name: str) -> bool:
        """Hold the lease of that name, unless another worker does; whether it is held now."""
        path = self._path(name)
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._create(path):
            if not self._is_abandoned(path):
                return False
            # Of several who find it abandoned, one moves it away.
            gone = path.with_suffix(f".{uuid.uuid4().hex}")
            try:
                path.rename(gone)
            except FileNotFoundError:
                return False
            gone.unlink(missing_ok=True)
            if not self._create(path):
                return False
        with self._changing:
            self._held.add(path)
            if self._touching is None:
                self._touching = threading.Thread(target=self._touch, daemon=True)
                self._touching.start()
        return True

    def release(self, name: str) -> None:
        """Let others take it; one that is not held is left alone."""
        path = self._path(name)
        with self._changing:
            if path in self._held:
                self._held.remove(path)
                path.unlink(missing_ok=True)

    def start(self, count: int) -> int:
        """Where in a list of so many this worker begins, so that workers rarely meet."""
        return int(self._digest(self._worker), 16) % count if count else 0

    def _create(self, path: Path) -> bool:
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(self._worker)
        except FileExistsError:
            return False
        return True

    def _is_abandoned(self, path: Path) -> bool:
        try:
            machine, _, process = path.read_text(encoding="utf-8").partition(" ")
            touched = path.stat().st_mtime
        except (OSError, ValueError):
            return False  # released this very moment
        if machine == platform.node() and _is_gone(process.partition(" ")[0]):
            return True
        return self._now() - touched > self._expiry

    def _now(self) -> float:
        """The time by the clock of the file system, which all workers share."""
        clock = self._folder / f"clock-{self._digest(self._worker)}"
        clock.touch()
        now = clock.stat().st_mtime
        clock.unlink(missing_ok=True)
        return now

    def _touch(self) -> None:
        pause = threading.Event()
        while not pause.wait(self._expiry / _TOUCHES):
            with self._changing:
                for path in self._held:
                    with suppress(OSError):  # taken over, or the file system is away for a moment
                        os.utime(path)  # which, unlike ``touch``, creates nothing

    def _path(self, name: str) -> Path:
        return self._folder / f"{self._digest(name)}.lease"

    @staticmethod
    def _digest(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()[:24]


def _is_gone(process: str) -> bool:
    """Whether a process of this machine is known to have ended."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError, OverflowError):
        return False
    return False
