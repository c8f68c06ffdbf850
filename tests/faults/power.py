"""A power cut, simulated: what was not synced is gone.

While a run goes on, every ``os.fsync`` of a file keeps a copy of its content, and every one of a
folder the names that it had.  After the cut a file has the content of its last sync, none where
there was no sync, and a name that was never synced is there or not, by chance.  SQLite syncs by
itself, which is not seen here: its files stay as they are.
"""

import json
import os
import random
import shutil
import stat
from pathlib import Path

# What SQLite syncs, and what the trial itself writes.
_LEFT = ("sqlite", "sqlite3", "-wal", "-shm", "-journal", "log", "stage")


class Recorded:
    """Keeps what is durable in a folder beside the run."""

    def __init__(self, shadow: Path) -> None:
        self._shadow = shadow

    def __call__(self) -> None:
        """From now on."""
        shadow, sync = self._shadow, os.fsync
        shadow.mkdir()

        def recorded(descriptor: int) -> None:
            sync(descriptor)
            about = os.fstat(descriptor)
            if stat.S_ISDIR(about.st_mode):
                names = {entry.name: entry.inode() for entry in os.scandir(descriptor)}
                (shadow / f"{about.st_ino}.names").write_text(json.dumps(names))
            else:
                content = os.pread(descriptor, about.st_size, 0)
                (shadow / f"{about.st_ino}.content").write_bytes(content)

        os.fsync = recorded


def lose(folder: Path, shadow: Path, chance: random.Random) -> int:
    """Make the folder what it is after the cut; returns how many files lost something."""
    synced = shadow / f"{folder.stat().st_ino}.names"
    names = json.loads(synced.read_text()) if synced.exists() else {}
    lost = 0
    for entry in sorted(folder.iterdir()):
        if entry.name.endswith(_LEFT):
            continue
        inode = entry.lstat().st_ino
        if names.get(entry.name) != inode and chance.random() < 0.5:
            lost += 1
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        elif entry.is_dir():
            lost += lose(entry, shadow, chance)
        else:
            kept = shadow / f"{inode}.content"
            content = kept.read_bytes() if kept.exists() else b""
            if entry.read_bytes() != content:
                lost += 1
                entry.write_bytes(content)
    return lost
