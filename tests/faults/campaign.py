"""Faults that machines, disks and other people commit, and what must be true after each.

A trial disturbs a run, gives the same command again, and compares: the report equals that of a run
that nothing disturbed, and no unit, map or trained model that was whole was made again.
"""

import errno
import json
import os
import random
import resource
import shutil
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from heatproof import disk
from heatproof.escaping import without_folders
from tests.faults import power
from tests.faults.experiments import EXPERIMENTS, Disturbed, written
from tests.faults.processes import STAGE, USED, AtUnit, Send, heatproof
from tests.faults.warm import MODULES
from tests.faults.whole import whole_parts


@dataclass(frozen=True)
class Trial:
    """What came of one fault.

    Attributes:
        fault: Its name.
        seed: What decided when and where.
        experiment: What was disturbed.
        stage: The stage in which the run was last; empty where the fault came after it.
        status: Exit status of the run that was disturbed; None where the fault came after it.
        said: The last line that it said, without folders of the machine.
        again: Exit status of the same command afterwards.
        differs: Results that are not those of an undisturbed run.
        redone: What was whole and was made again.
        traceback: Whether a traceback was shown.
        seconds: How long both runs took.
    """

    fault: str
    seed: int
    experiment: str
    stage: str
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


@dataclass(frozen=True)
class Subject:
    """An experiment that is disturbed, and a run of it that nothing disturbed.

    Attributes:
        name: Its name.
        file: Its file.
        whole: The output folder of the run.
        seconds: Seconds of the processor that the run took.
        units: How many units it had.
    """

    name: str
    file: Path
    whole: Path
    seconds: float
    units: int

    @property
    def about(self) -> Disturbed:
        """What is run and compared."""
        return EXPERIMENTS[self.name]

    def run(self, folder: Path, **options: Any) -> tuple[int | None, str]:
        """The command, into that folder; exit status and what was said."""
        folder.mkdir(exist_ok=True)
        log = options.pop("log", folder)
        words = (self.about.command, str(self.file), "-o", str(folder))
        return heatproof(*words, folder=log, **options)


def subjects(folder: Path) -> list[Subject]:
    """Every experiment with an undisturbed run."""
    modules: dict[str, None] = {}
    for number, name in enumerate(EXPERIMENTS):
        place = folder / str(number)
        written(name, place)
        about = _undisturbed(name, place, "undisturbed", alone=True)
        modules |= dict.fromkeys(each for each in about["modules"] if each[:2] != "__")
    (folder / "modules.json").write_text(json.dumps([*modules]))
    os.environ[MODULES] = str(folder / "modules.json")
    return [_measured(name, folder / str(number)) for number, name in enumerate(EXPERIMENTS)]


def _measured(name: str, place: Path) -> Subject:
    # Those that are disturbed have all modules from the beginning, so they take less long.
    about = _undisturbed(name, place, "measured")
    shutil.rmtree(place / "measured")
    file = place / "experiment.toml"
    return Subject(name, file, place / "undisturbed", about["seconds"], about["units"])


def _undisturbed(name: str, place: Path, output: str, *, alone: bool = False) -> dict[str, Any]:
    """What a run used that nothing disturbs."""
    (place / output).mkdir()
    words = (EXPERIMENTS[name].command, str(place / "experiment.toml"), "-o", str(place / output))
    status, said = heatproof(*words, folder=place, alone=alone)
    assert status == 0, said
    about: dict[str, Any] = json.loads((place / USED).read_text())
    return about


def trial(fault: str, seed: int, of: list[Subject]) -> Trial:
    """Disturb a run, give its command again, and compare."""
    subject = of[seed % len(of)]
    chance = random.Random(f"{fault} {seed}")
    folder = subject.file.parent / f"{fault.replace(' ', '-')}-{seed}"
    began = time.monotonic()
    status, told = FAULTS[fault](chance, subject, folder)
    stage = (folder / STAGE).read_text() if (folder / STAGE).exists() else ""
    before = whole_parts(folder)
    again, said = subject.run(folder)
    after = whole_parts(folder)
    redone = [place for place, moment in before.items() if after.get(place) != moment]
    for place in redone:
        print("made again:", place.relative_to(folder), flush=True)
    names = subject.about.results
    result = Trial(
        fault, seed, subject.name, stage, status, _last_line(told, folder), again or 0,
        differs=tuple(name for name in names if not _equal(folder / name, subject.whole / name)),
        redone=len(redone),
        traceback="Traceback" in told + said,
        seconds=time.monotonic() - began,
    )  # fmt: skip
    if result.passed:
        shutil.rmtree(folder)
    return result


def _last_line(told: str, folder: Path) -> str:
    """The last line of a log, without the folders of the machine, since it is published."""
    lines = [line for line in told.splitlines() if line.strip()] or [""]
    return without_folders(lines[-1], [str(folder)])[:200]


def _equal(one: Path, other: Path) -> bool:
    if not one.exists():
        return False
    if one.suffix == ".parquet":
        # How long trials of a sweep took is nothing that a fault could change.
        read = (pl.read_parquet(file).drop("seconds", strict=False) for file in (one, other))
        return next(read).equals(next(read))
    return one.read_bytes() == other.read_bytes()


Told = tuple[int | None, str]
Disturb = Callable[[random.Random, Subject, Path], Told]


def _at_unit(does: Callable[[], None]) -> Disturb:
    def disturb(chance: random.Random, subject: Subject, folder: Path) -> Told:
        return subject.run(folder, before=AtUnit(chance.randrange(1, subject.units), does))

    return disturb


def _kill(chance: random.Random, subject: Subject, folder: Path) -> Told:
    return subject.run(folder, seconds=chance.uniform(0, subject.seconds))


class Full:
    """No file may be longer than so many bytes, as where a disk is full."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __call__(self) -> None:
        """From now on."""
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self._size, self._size))


def _full(chance: random.Random, subject: Subject, folder: Path) -> Told:
    # The log is written, too, and may be as long.
    return subject.run(folder, before=Full(chance.choice((2_000, 5_000, 20_000, 80_000))))


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
    def disturb(chance: random.Random, subject: Subject, folder: Path) -> Told:
        return subject.run(folder, before=Refused(number, chance.randrange(subject.units)))

    return disturb


class Memory:
    """So many bytes of address space more than now, and no more."""

    def __init__(self, more: int) -> None:
        self._more = more

    def __call__(self) -> None:
        """From now on."""
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        size = pages * os.sysconf("SC_PAGESIZE") + self._more
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def _memory(chance: random.Random, subject: Subject, folder: Path) -> Told:
    limits = Memory(chance.choice((1, 4, 16, 64)) << 20)
    return subject.run(folder, before=AtUnit(chance.randrange(1, subject.units), limits))


class Unavailable(Exception):
    """A fault that this machine cannot commit."""


class Group:
    """The process goes into a cgroup that may take so many bytes more; beyond, the kernel kills it.

    Args:
        name: Of the cgroup.
        more: Bytes that may be taken; what the process has already counts for the cgroup it leaves.
    """

    def __init__(self, name: str, more: int) -> None:
        self._name, self._more = name, more

    @property
    def folder(self) -> Path:
        """Where it is.  Raises Unavailable where none can be made."""
        first, second = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
        held = second / "cgroup.subtree_control"
        if first.is_dir() and os.access(first, os.W_OK):
            return first / self._name
        if held.exists() and "memory" in held.read_text() and os.access(second, os.W_OK):
            return second / self._name
        raise Unavailable("no cgroup that limits memory can be made by this user")

    def __call__(self) -> None:
        """From now on."""
        folder = self.folder
        folder.mkdir(exist_ok=True)
        limits = (folder / name for name in ("memory.limit_in_bytes", "memory.max"))
        next(limit for limit in limits if limit.exists()).write_text(str(self._more))
        (folder / "cgroup.procs").write_text(str(os.getpid()))


def _group(chance: random.Random, subject: Subject, folder: Path) -> Told:
    group = Group(f"heatproof-{os.getpid()}", chance.choice((1, 4, 16)) << 20)
    group.folder  # noqa: B018  # asked before the run, and not within it
    try:
        return subject.run(folder, before=AtUnit(chance.randrange(1, subject.units), group))
    finally:
        if group.folder.exists():
            group.folder.rmdir()


class Removed:
    """Removes a finished file of a run while it goes on."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._seed = folder, seed

    def __call__(self) -> None:
        """Remove it."""
        files = sorted(self._folder.rglob("*.parquet"))
        if files:
            random.Random(self._seed).choice(files).unlink()


def _removed(chance: random.Random, subject: Subject, folder: Path) -> Told:
    removes = Removed(folder, chance.randrange(1000))
    return subject.run(folder, before=AtUnit(chance.randrange(1, subject.units), removes))


class OtherFilm:
    """Another film stands in the place of one, or none does."""

    def __init__(self, film: Path, content: bytes | None) -> None:
        self._film, self._content = film, content

    def __call__(self) -> None:
        """From now on."""
        self._film.unlink(missing_ok=True)
        if self._content is not None:
            self._film.write_bytes(self._content)


def _film(change: str) -> Disturb:
    """A film is changed or removed during the run, and is as it was before the next."""

    def disturb(chance: random.Random, subject: Subject, folder: Path) -> Told:
        films = sorted(subject.file.parent.glob("*.png"))
        film, other = chance.sample(films, 2)
        moved = film.with_suffix(".kept")
        shutil.copy2(film, moved)
        content = other.read_bytes() if change == "changed" else None
        fault = AtUnit(chance.randrange(1, subject.units), OtherFilm(film, content))
        try:
            return subject.run(folder, before=fault)
        finally:
            moved.replace(film)

    return disturb


def _jump() -> None:
    """The clock jumps back by thirty years."""
    now = time.time
    time.time = lambda: now() - 1e9


def _two(_: random.Random, subject: Subject, folder: Path) -> Told:
    """Two runs write into one folder at once."""
    (folder / "other").mkdir(parents=True)
    results: list[Told] = []

    def run(log: Path) -> None:
        results.append(subject.run(folder, log=log))

    threads = [threading.Thread(target=run, args=(log,)) for log in (folder, folder / "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shutil.rmtree(folder / "other")
    return max(status or 0 for status, _ in results), "\n".join(said for _, said in results)


def _power_cut(chance: random.Random, subject: Subject, folder: Path) -> Told:
    shadow = folder.with_name(f"{folder.name}-durable")
    cut = AtUnit(chance.randrange(1, subject.units), Send(signal.SIGKILL), power.Recorded(shadow))
    told = subject.run(folder, before=cut)
    power.lose(folder, shadow, chance)
    shutil.rmtree(shadow, ignore_errors=True)
    return told


def _damaged(chance: random.Random, subject: Subject, folder: Path) -> Told:
    """A tenth of all files of a finished run are damaged, each in its way."""
    shutil.copytree(subject.whole, folder)
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
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
    "power cut": _power_cut,
    "disk full": _full,
    "no space": _refused(errno.ENOSPC),
    "read only": _refused(errno.EROFS),
    "permission lost": _refused(errno.EACCES),
    "disk error": _refused(errno.EIO),
    "memory": _memory,
    "memory of a cgroup": _group,
    "file removed during the run": _removed,
    "film changed during the run": _film("changed"),
    "film removed during the run": _film("removed"),
    "clock jumps": _at_unit(_jump),
    "two writers": _two,
    "damaged files": _damaged,
}
