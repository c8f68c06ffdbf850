"""Files that outlive a crash: written whole or not at all, and sealed where they are read back.

Whoever stops a run, at whatever moment, leaves the old file or the new one, and perhaps a file
``.*.unfinished``, which holds a lock as long as somebody writes it.
"""

import hashlib
import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from heatproof.errors import ExperimentError

try:
    import fcntl
except ModuleNotFoundError:  # Windows; files are then taken for unfinished by their age
    fcntl = None  # type: ignore[assignment]

UNFINISHED = ".unfinished"
# The folder of a store of maps has an entry for each block, and none of them is unfinished here.
ARRAYS = "arrays"
_SEAL = "sha256"
_DAY = 86400  # seconds after which nobody writes a file any more, where locks cannot tell


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new file beside ``path``, which takes its place when the block ends well.

    Its bytes are on the disk before it is moved, so that a power cut leaves no empty file behind
    the name of a finished one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside its target, since a move is atomic only within one file system.
    unfinished = path.with_name(f".{uuid.uuid4().hex}{UNFINISHED}")
    descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        _lock(descriptor)
        yield unfinished
        os.fsync(descriptor)
        os.replace(unfinished, path)
        sync_names(path.parent)
    finally:
        os.close(descriptor)
        # Nothing half-written stays after a failure; after the move there is nothing to remove.
        unfinished.unlink(missing_ok=True)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file; a reader sees the old one or the new one."""
    with replacing(path) as unfinished:
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)


def sync(folder: Path) -> None:
    """Write all files below a folder, and their names, to the disk."""
    for root, _, files in os.walk(folder):
        for name in files:
            descriptor = os.open(Path(root, name), os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_names(Path(root))


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait until nobody else is in such a block of that folder; where no locks are, do not wait."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def tidy(folder: Path) -> None:
    """Remove what killed runs left unfinished in a folder; files that are being written stay.

    Raises:
        ExperimentError: A link in the folder leads out of it: what a run writes or removes there
            would be somebody else's.
    """
    top = folder.resolve()
    for root, folders, files in os.walk(folder):
        for name in folders:
            place = Path(root, name)
            if place.is_symlink() and not place.resolve().is_relative_to(top):
                raise ExperimentError(
                    f"{place} is a link to {place.resolve()}, outside the output folder, where a"
                    " run writes and removes files; remove the link, or choose another folder with"
                    " output = ... or -o"
                )
        folders[:] = [name for name in folders if name != ARRAYS]
        for name in files:
            if _is_unfinished(name):
                _remove_abandoned(Path(root, name))


def unfinished_files(folder: Path) -> list[Path]:
    """What is being written in a folder, or was when its writer was killed."""
    return [
        Path(root, name)
        for root, _, files in os.walk(folder)
        for name in files
        if _is_unfinished(name)
    ]


def inside(folder: Path, name: str) -> Path | None:
    """The file of that name below a folder; None where there is none, or the name leads out."""
    try:
        place = folder / name
        within = place.parent.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError):  # too long, or a null byte
        return None
    return place if within and is_file(place) else None


def is_file(path: Path) -> bool:
    """Whether there is such a file; a name that no file can have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, a null byte, or a folder that may not be read
        return False


def is_folder(path: Path) -> bool:
    """Whether there is such a folder; a name that none can have is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def exists(path: Path) -> bool:
    """Whether there is such a file or folder; a name that none can have is none."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def sealed(values: Mapping[str, Any]) -> str:
    """The values as JSON that carries its own digest, one value a line."""
    plain = {key: value for key, value in values.items() if key != _SEAL}
    return json.dumps({**plain, _SEAL: _digest(plain)}, indent=2) + "\n"


def unsealed(text: str | bytes, *, required: bool = True) -> dict[str, Any]:
    """The values of sealed JSON, without the digest.

    Args:
        text: What was read.
        required: Whether JSON without a digest, such as that of an earlier version, is refused.

    Raises:
        ValueError: It is no JSON object, or not the one that was sealed.
    """
    try:
        values = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(values, dict):
        raise ValueError("no JSON object")
    seal = values.pop(_SEAL, None)
    if seal is None and not required:
        return values
    if seal != _digest(values):
        raise ValueError("its digest is that of other content: it was altered or damaged")
    return values


def _digest(values: Mapping[str, Any]) -> str:
    # As text of JSON, so that tuples and lists, which JSON does not tell apart, are equal.
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _is_unfinished(name: str) -> bool:
    return name.startswith(".") and name.endswith(UNFINISHED)


def _lock(descriptor: int) -> None:
    """Hold a lock until the file is closed, also by a kill."""
    with suppress(OSError):  # a file system without locks
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _remove_abandoned(file: Path) -> None:
    """Remove a file unless somebody is writing it."""
    with suppress(OSError):  # gone by now, or not ours to remove
        if fcntl is None:
            abandoned = time.time() - file.stat().st_mtime > _DAY
        else:
            descriptor = os.open(file, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                abandoned = True
            finally:
                os.close(descriptor)
        if abandoned:
            file.unlink()


def sync_names(folder: Path) -> None:
    """Write the names of a folder to the disk, where the system can."""
    with suppress(OSError):  # Windows opens no folders, and some network disks sync none
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
