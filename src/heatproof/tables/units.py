"""Units of work at rest: a table is written whole or not at all, under the hash of what made it.

A run is a list of units.  A unit whose file exists is done; one whose inputs changed has another
hash, so nothing stale is read and nothing is counted twice.  A killed run loses the units it was
in the middle of, and nothing else.
"""

import hashlib
import io
import json
import os
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Generic

import polars as pl

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
    """Text, bytes, or a table as Parquet; a reader sees the old file or the new one."""
    # The file is written beside its target, since a move is atomic only within one file system;
    # the random part of its name keeps two writers apart.
    unfinished = path.with_name(f".{path.name}-{uuid.uuid4().hex}.unfinished")
    if isinstance(what, bytes):
        data = what
    elif isinstance(what, str):
        data = what.encode()
    else:
        buffer = io.BytesIO()
        what.write_parquet(buffer)
        data = buffer.getvalue()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        unfinished.write_bytes(data)
        os.replace(unfinished, path)
    finally:
        # Nothing half-written stays after a failure; after the move there is nothing to remove.
        unfinished.unlink(missing_ok=True)


class Units(Generic[AnyTable]):
    """The finished units of one table, one Parquet file each.

    Args:
        run: The folder of the run; they lie in a folder named for the table, made when needed.
        table: What they hold.
    """

    def __init__(self, run: Path, table: type[AnyTable]) -> None:
        self._folder = run / table.name
        self._table = table

    def __contains__(self, name: str) -> bool:
        return self._path(name).is_file()

    def put(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write a unit; a reader sees all of it or none."""
        self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._path(name), self._table.of_rows(rows).frame)

    def read(self, names: Iterable[str]) -> AnyTable:
        """The rows of these units, in this order."""
        # The order of names decides, and not that of files, so a resumed run reads equal rows.
        parts = [self._table.of_file(pl.read_parquet(self._path(name))).frame for name in names]
        return self._table(pl.concat(parts)) if parts else self._table.of_rows([])

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.parquet"
