"""Units of work at rest: a table is written whole or not at all, under the hash of what made it.

A run is a list of units.  A unit whose file exists is done; one whose inputs changed has another
hash, so nothing stale is read and nothing is counted twice.  A killed run loses the units it was
in the middle of, and nothing else.

A unit carries a digest of its bytes and of its name, which is checked whenever it is read: one that
is truncated, altered, swapped with another or cannot be read is the same as a missing one.
"""

import hashlib
import json
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Generic

import polars as pl

from heatproof import disk
from heatproof.errors import DamagedError, DamagedFile
from heatproof.leases import Leases
from heatproof.parquet import read_sealed, sealed_parquet
from heatproof.tables import AnyTable


def digest(*inputs: Any) -> str:
    """A name for a unit: 24 hexadecimal digits of the SHA-256 of its inputs, as JSON."""
    # Sorted keys make the name independent of the order in which a dict was filled.
    text = json.dumps(inputs, sort_keys=True, default=str, allow_nan=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def folder_name(name: str, *inputs: Any, digits: int = 12) -> str:
    """A name that every file system takes: letters and digits, and the digest of what it holds."""
    safe = "".join(letter if letter.isalnum() else "-" for letter in name)
    return f"{safe}-{digest(*inputs)[:digits]}"


def write_whole(path: Path, what: str | bytes | pl.DataFrame) -> None:
    """Text, bytes, or a table as sealed Parquet; a reader sees the old file or the new one."""
    content = sealed_parquet(path.stem, what) if isinstance(what, pl.DataFrame) else what
    disk.write_whole(path, content)


class Units(Generic[AnyTable]):
    """The finished units of one table, one Parquet file each.

    Args:
        run: The folder of the run; they lie in a folder named for the table, made when needed.
        table: What they hold.
        leases: Of this worker, where several make the units.
    """

    def __init__(self, run: Path, table: type[AnyTable], leases: Leases | None = None) -> None:
        self._folder = run / table.name
        self._table = table
        self.leases = leases
        self._sound: set[str] = set()  # names of units that were read, and are what was written

    def __contains__(self, name: str) -> bool:
        """Whether the unit is there, and as it was written; warns where it was damaged."""
        return name in self._sound or self._load(name) is not None

    def put(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write a unit; a reader sees all of it or none."""
        disk.write_whole(self._path(name), sealed_parquet(name, self._table.of_rows(rows).frame))

    def read(self, names: Iterable[str]) -> AnyTable:
        """The rows of these units, in this order.

        Raises:
            DamagedError: One of them is gone, or was damaged since the stage that made it.
        """
        # The order of names decides, and not that of files, so a resumed run reads equal rows.
        parts = [self._required(name).frame for name in names]
        return self._table(pl.concat(parts)) if parts else self._table.of_rows([])

    def damaged(self) -> list[Path]:
        """The files that are no units as they were written."""
        files = sorted(self._folder.glob("*.parquet"))
        return [file for file in files if self._load(file.stem, told=False) is None]

    def _required(self, name: str) -> AnyTable:
        table = self._load(name)
        if table is None:
            self._sound.clear()  # others may have gone with it
            raise DamagedError(f"{self._path(name)} is gone, or was damaged since it was written")
        return table

    def _load(self, name: str, *, told: bool = True) -> AnyTable | None:
        """The rows of a unit; None where it is not there, or not as it was written."""
        path = self._path(name)
        try:
            data = path.read_bytes()
            table = self._table.of_file(read_sealed(name, data))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            if told:
                warnings.warn(f"{path}: {error}; it is made again", DamagedFile, stacklevel=2)
            return None
        self._sound.add(name)
        return table

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.parquet"
