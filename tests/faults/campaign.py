"""Faults that machines, disks and other people commit, and what must be true after each.

A trial disturbs a run, gives the same command again, and compares: the report equals that of a run
that nothing disturbed, and no unit that was whole was made again.
"""

import errno
import os
import random
import resource
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from heatproof import disk
from heatproof.escaping import without_folders
from heatproof.maps.store import INDEX, MapStore
from heatproof.tables import every_table
from heatproof.tables.maps_made import MapsMade
from heatproof.tables.units import Units
from tests.faults.processes import AtUnit, Send, heatproof
from tests.squares import EXPERIMENT, NETWORK, write_films

UNITS = 40  # about as many as a run of this experiment advances by
_TRUST = '\n[trust]\ncriteria = ["input_noise", "flip"]\nside = 32\n'
_SAME = ("report.html", "estimates.parquet", "verdicts.parquet", "scores.parquet")


@dataclass(frozen=True)
class Trial:
    """What came of one fault.

    Attributes:
        fault: Its name.
        seed: What decided when and where.
        status: Exit status of the run that was disturbed; None where the fault came after it.
        said: The last line that it said, without folders of the machine.
        again: Exit status of the same command afterwards.
        differs: Results that are not those of an undisturbed run.
        redone: Whole units that were made again.
        traceback: Whether a traceback was shown.
        seconds: How long both runs took.
    """

    fault: str
    seed: int
    status: int | None
    said: str
    again: int
    differs: tuple[str, ...]
    redone: int
    traceback: bool
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether nothing was lost, nothing was believed, and nothing was done twice."""
        return self.again == 0 and not self.differs and not self.redone and not self.traceback


def experiment(folder: Path) -> Path:
    """The experiment of all trials, with its films."""
    folder.mkdir(parents=True, exist_ok=True)
    write_films(folder, count=12)
    (folder / "network.py").write_text(NETWORK)
    file = folder / "squares.toml"
    file.write_text(EXPERIMENT.replace("GEOMETRY", "squash") + _TRUST)
    return file


def undisturbed(file: Path) -> Path:
    """The output folder of a run that nothing disturbed."""
    folder = file.parent / "undisturbed"
    if not (folder / "report.html").exists():
        status, said = heatproof("run", str(file), "-o", str(folder), folder=file.parent)
        assert status == 0, said
    return folder


def trial(fault: str, seed: int, file: Path) -> Trial:
    """Disturb a run, give its command again, and compare."""
    chance, whole = random.Random(f"{fault} {seed}"), undisturbed(file)
    folder = file.parent / f"{fault.replace(' ', '-')}-{seed}"
    began = time.monotonic()
    status, told = FAULTS[fault](chance, file, folder, whole)
    before = _units(folder)
    again, said = heatproof("run", str(file), "-o", str(folder), folder=folder)
    after = _units(folder)
    differs = tuple(name for name in _SAME if not _equal(folder / name, whole / name))
    redone = sum(after.get(place) != moment for place, moment in before.items())
    seconds = time.monotonic() - began
    traceback = "Traceback" in told + said
    last = _last_line(told, folder)
    result = Trial(fault, seed, status, last, again, differs, redone, traceback, seconds)
    if result.passed:
        shutil.rmtree(folder)
    return result


def _last_line(told: str, folder: Path) -> str:
    """The last line of a log, without the folders of the machine, since it is published."""
    lines = [line for line in told.splitlines() if line.strip()] or [""]
    return without_folders(lines[-1], [str(folder)])[:200]


def _units(folder: Path) -> dict[Path, int]:
    """When each whole unit was written; a list of maps is whole where its maps are."""
    damaged = {file for table in every_table() for file in Units(folder, table).damaged()}
    files = [file for table in every_table() for file in (folder / table.name).glob("*.parquet")]
    written = {file: file.stat().st_mtime_ns for file in files if file not in damaged}
    maps = _whole_maps(folder)
    lists = [file for file in written if file.parent.name == MapsMade.name]
    for file in lists:
        rows = pl.read_parquet(file.read_bytes()).select("method", "image_id", "finding").rows()
        if not maps.issuperset(rows):
            del written[file]
    return written


def _whole_maps(folder: Path) -> set[tuple[str, str, str]]:
    """Method, film and finding of every map that can be read; the experiment has one model."""
    found: set[tuple[str, str, str]] = set()
    if not (folder / "maps").exists():
        return found
    with tempfile.TemporaryDirectory() as place:
        # A copy, since a store forgets what it finds damaged, which the run is to find by itself.
        copy = Path(shutil.copytree(folder / "maps", Path(place, "maps")))
        for store in map(MapStore, copy.iterdir()):
            if store.path / INDEX not in store.damaged():
                found |= {(key.method, key.image_id, key.finding) for key in store}
    return found


def _equal(one: Path, other: Path) -> bool:
    if not one.exists():
        return False
    if one.suffix == ".parquet":
        return pl.read_parquet(one).equals(pl.read_parquet(other))
    return one.read_bytes() == other.read_bytes()


Disturbed = tuple[int | None, str]
Disturb = Callable[[random.Random, Path, Path, Path], Disturbed]


def _run(file: Path, folder: Path, **options: object) -> Disturbed:
    folder.mkdir(exist_ok=True)
    return heatproof("run", str(file), "-o", str(folder), folder=folder, **options)


def _at_unit(does: Callable[[], None]) -> Disturb:
    def disturb(chance: random.Random, file: Path, folder: Path, _: Path) -> Disturbed:
        return _run(file, folder, before=AtUnit(chance.randrange(1, UNITS), does))

    return disturb


def _kill(chance: random.Random, file: Path, folder: Path, _: Path) -> Disturbed:
    return _run(file, folder, seconds=chance.uniform(0.1, 8))


class Full:
    """No file may be longer than so many bytes, as where a disk is full."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __call__(self) -> None:
        """From now on."""
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self._size, self._size))


def _full(chance: random.Random, file: Path, folder: Path, _: Path) -> Disturbed:
    folder.mkdir()  # the log is written, too, and may be as long
    return _run(file, folder, before=Full(chance.choice((2_000, 5_000, 20_000, 80_000))))


class Refused:
    """The system refuses to write after so many files, by an error of that number."""

    def __init__(self, number: int, files: int) -> None:
        self._number, self._left = number, files

    def __call__(self) -> None:
        """From now on."""
        replace = os.replace

        def refused(*names: object, **more: object) -> None:
            self._left -= 1
            if self._left < 0:
                raise OSError(self._number, os.strerror(self._number), str(names[-1]))
            replace(*names, **more)

        disk.os.replace = refused


def _refused(number: int) -> Disturb:
    def disturb(chance: random.Random, file: Path, folder: Path, _: Path) -> Disturbed:
        return _run(file, folder, before=Refused(number, chance.randrange(UNITS)))

    return disturb


class Removed:
    """Removes a finished file of a run while it goes on."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._seed = folder, seed

    def __call__(self) -> None:
        """Remove it."""
        files = sorted(self._folder.rglob("*.parquet"))
        if files:
            random.Random(self._seed).choice(files).unlink()


def _removed(chance: random.Random, file: Path, folder: Path, _: Path) -> Disturbed:
    removes = Removed(folder, chance.randrange(1000))
    return _run(file, folder, before=AtUnit(chance.randrange(1, UNITS), removes))


def _jump() -> None:
    """The clock jumps back by thirty years."""
    now = time.time
    time.time = lambda: now() - 1e9


def _two(_: random.Random, file: Path, folder: Path, __: Path) -> Disturbed:
    """Two runs write into one folder at once."""
    folder.mkdir()
    (folder / "other").mkdir()
    results: list[Disturbed] = []

    def run(log: Path) -> None:
        results.append(heatproof("run", str(file), "-o", str(folder), folder=log))

    threads = [threading.Thread(target=run, args=(log,)) for log in (folder, folder / "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shutil.rmtree(folder / "other")
    return max(status or 0 for status, _ in results), "\n".join(said for _, said in results)


def _damaged(chance: random.Random, _: Path, folder: Path, whole: Path) -> Disturbed:
    """A tenth of all files of a finished run are damaged, each in its way."""
    shutil.copytree(whole, folder)
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and file.name != "log"]
    for file in chance.sample(files, max(1, len(files) // 10)):
        content = bytearray(file.read_bytes())
        match chance.choice(("flip", "cut", "empty", "zeros", "noise", "remove", "swap")):
            case "flip" if content:
                content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            case "cut":
                del content[chance.randrange(len(content) + 1) :]
            case "empty":
                content.clear()
            case "zeros":
                content[:] = bytes(len(content))
            case "noise":
                content[:] = chance.randbytes(len(content))
            case "remove":
                file.unlink()
                continue
            case "swap":
                other = chance.choice([each for each in files if each.exists()])
                content[:] = other.read_bytes()
        file.write_bytes(content)
    return None, ""


FAULTS: dict[str, Disturb] = {
    "kill": _kill,
    "kill at a unit": _at_unit(Send(signal.SIGKILL)),
    "SIGTERM": _at_unit(Send(signal.SIGTERM)),
    "SIGHUP": _at_unit(Send(signal.SIGHUP)),
    "SIGINT": _at_unit(Send(signal.SIGINT)),
    "disk full": _full,
    "no space": _refused(errno.ENOSPC),
    "read only": _refused(errno.EROFS),
    "permission lost": _refused(errno.EACCES),
    "disk error": _refused(errno.EIO),
    "file removed during the run": _removed,
    "clock jumps": _at_unit(_jump),
    "two writers": _two,
    "damaged files": _damaged,
}
