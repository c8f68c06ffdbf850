"""Tables and JSON files as people write them: read as text, with line numbers for messages."""

import csv
import gzip
import io
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heatproof.disk import is_file
from heatproof.errors import DataError, near_misses
from heatproof.parquet import read_of_others

_GZIP = b"\x1f\x8b"  # how compressed files begin
# Tables shrink to a tenth or less, and what is made to fill memory to a thousandth.
_UNPACKED, _TIMES = 1 << 26, 100


@dataclass(frozen=True, slots=True)
class TableRow:
    """One line of a table; every value is text, and empty text is a missing value.

    Attributes:
        path: The table.
        line: Number of the line.
        places: Where each column stands, the same mapping for all rows of the table.
        cells: The cells in that order, without spaces around them.
    """

    path: Path
    line: int
    places: Mapping[str, int]
    cells: tuple[str, ...]

    def __getitem__(self, column: str) -> str:
        """The cell; raises DataError with near misses for an absent column."""
        # Long tables are asked for millions of cells, nearly all of which are there.
        try:
            return self.cells[self.places[column]]
        except KeyError:
            raise DataError(
                f"{self.path} has no column {column!r}; {near_misses(column, self.places)}"
            ) from None

    @property
    def values(self) -> Mapping[str, str]:
        """The cells by column."""
        return {column: self.cells[place] for column, place in self.places.items()}

    def wrong(self, column: str, expected: str) -> DataError:
        """The error to raise about a cell."""
        return DataError(
            f"{self.path}, line {self.line}, column {column!r}: found {self[column]!r},"
            f" expected {expected}"
        )


def find_table(folders: Sequence[Path], names: Sequence[str]) -> Path | None:
    """The first of these tables that there is, perhaps compressed (``.gz``); None without any.

    Args:
        folders: Where it may lie, the likeliest first.
        names: What it may be called, the likeliest first.
    """
    places = [
        folder / f"{name}{end}" for name in names for folder in folders for end in ("", ".gz")
    ]
    return next((place for place in places if is_file(place)), None)


def read_lines(path: Path) -> tuple[tuple[int, str], ...]:
    """Number and text of each line of a list that is not blank; raises DataError."""
    if not is_file(path):
        raise DataError(f"{path}: there is no such list")
    lines = enumerate(_decoded(path).splitlines(), start=1)
    return tuple((number, line.strip()) for number, line in lines if line.strip())


def read_rows(path: Path, *, padded: bool = False) -> tuple[TableRow, ...]:
    """Every row of a CSV (UTF-8, commas, perhaps compressed by gzip) or Parquet file.

    Args:
        path: The file.
        padded: Whether a CSV may leave out cells at the end of a row, which are then empty.

    Raises:
        DataError: The file is missing, empty or malformed.
    """
    if not is_file(path):
        raise DataError(f"{path}: there is no such table")
    rows = tuple(_parquet(path) if path.suffix.lower() == ".parquet" else _csv(path, padded))
    if not rows:
        raise DataError(f"{path} has no rows below its header")
    return rows


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        DataError: The file is missing or not JSON.
    """
    if not is_file(path):
        raise DataError(f"{path}: there is no such file")
    try:
        # ``utf-8-sig`` drops the byte order mark that some editors write.
        return json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:  # Python reads no number of 5,000 digits
        raise DataError(f"{path} is not JSON: {error}") from error


def _csv(path: Path, padded: bool) -> Iterator[TableRow]:
    # The csv module wants line ends unchanged, as they may stand inside quoted cells.
    reader = csv.reader(io.StringIO(_decoded(path), newline=""), strict=True)
    try:
        columns = [name.strip() for name in next(filter(None, reader), ())]
        _check_columns(path, columns)
        places = {name: place for place, name in enumerate(columns)}
        same: dict[str, str] = {}  # equal cells are one text, since most columns have few values
        for cells in filter(None, reader):  # a blank line is no row
            lacking = len(columns) - len(cells)
            if lacking < 0 or (lacking and not padded):
                raise DataError(
                    f"{path}, line {reader.line_num}: more or fewer cells than the"
                    f" {len(columns)} columns; is there an unquoted comma?"
                )
            cells.extend([""] * lacking)
            row = tuple(map(same.setdefault, cells, map(str.strip, cells)))
            yield TableRow(path, reader.line_num, places, row)
    except csv.Error as error:
        raise DataError(
            f"{path}, line {reader.line_num}: no CSV ({error}); is a quotation mark left open?"
        ) from error


def _decoded(path: Path) -> str:
    try:
        data = path.read_bytes()
        data = _unpacked(data, path) if data[:2] == _GZIP else data
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    try:
        # A byte order mark, which spreadsheets write, would join the name of the first column.
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: no UTF-8 ({error}); save the table as UTF-8, which a"
            " spreadsheet calls 'CSV UTF-8'"
        ) from error


def _unpacked(data: bytes, path: Path) -> bytes:
    largest = max(_UNPACKED, _TIMES * len(data))
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        unpacked = file.read(largest + 1)
    if len(unpacked) > largest:
        raise DataError(
            f"{path} unpacks to more than {_TIMES} times its size, and {_UNPACKED >> 20} MiB: no"
            " table does; unpack it yourself if it is one"
        )
    return unpacked


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    if len(columns) == 1 and (";" in columns[0] or "\t" in columns[0]):
        raise DataError(
            f"{path} has one column, {columns[0]!r}; are its columns separated by semicolons or"
            " tabs?  Expected commas"
        )
    named = [name for name in columns if name]  # a spreadsheet may leave empty columns behind
    twice = sorted(name for name, count in Counter(named).items() if count > 1)
    if twice:
        raise DataError(f"{path} has two columns named {twice[0]!r}; which of them is meant?")


def _parquet(path: Path) -> Iterator[TableRow]:
    try:
        frame = read_of_others(path.read_bytes())
    except (ValueError, OSError) as error:
        raise DataError(f"{path} is not Parquet: {error}") from error
    places = {column: place for place, column in enumerate(frame.columns)}
    for line, record in enumerate(frame.iter_rows(), start=1):
        yield TableRow(path, line, places, tuple(_text(value).strip() for value in record))


def _text(value: object) -> str:
    if value is None:
        return ""
    # Boxes are read as JSON, and label rules spell a boolean "true", as JSON does.
    return json.dumps(value) if isinstance(value, list | dict | bool) else str(value)
