"""Cells of a table: labels, boxes, spacing and metadata, and which rows are kept."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, isfinite

from heatproof.data.tabular import TableRow
from heatproof.data.tabular.spellings import numbers, plain
from heatproof.errors import DataError
from heatproof.types import Label

CellValue = bool | str | int | float
Box = tuple[float, float, float, float]
_CORNERS = 4
_SHOWN = 6  # values in a message
_BOXES = "JSON such as [[x, y, width, height], ...] in pixels, or nothing"


@dataclass(frozen=True)
class LabelRule:
    """Which cells of a column mean that a finding is present, absent or uncertain."""

    column: str
    positive: tuple[CellValue, ...] = ("1", "1.0", "true")
    negative: tuple[CellValue, ...] = ("0", "0.0", "false")
    uncertain: tuple[CellValue, ...] = ("-1", "-1.0", "u")

    def __call__(self, row: TableRow) -> Label:
        """The label of a row whose cell is not blank."""
        cell = row[self.column]
        # Nearly all cells are spelled as the rule says, and long tables have millions.
        text = cell if cell in self._labels else plain(cell).casefold()
        if text in self._labels:
            return self._labels[text]
        raise row.wrong(
            self.column,
            f"one of {', '.join(map(repr, (*self.positive, *self.negative, *self.uncertain)))}"
            " or nothing (unknown); 'where' leaves rows out",
        )

    @cached_property
    def _labels(self) -> dict[str, Label]:
        """What a cell means; a value that is listed twice means the first."""
        found: dict[str, Label] = {}
        for cells, label in ((self.positive, True), (self.negative, False), (self.uncertain, None)):
            for cell in cells:
                found.setdefault(plain(str(cell)).casefold(), label)
        return found


def check_labels(rows: Sequence[TableRow], finding: str, rule: LabelRule) -> None:
    """Raises DataError for the first cell that says no label, with the number of others."""
    wrong: list[tuple[TableRow, DataError]] = []
    for row in rows:
        try:
            if row[rule.column]:
                rule(row)
        except DataError as error:
            wrong.append((row, error))
    if not wrong:
        return
    cells = list(dict.fromkeys(row[rule.column] for row, _ in wrong))
    shown = ", ".join(map(repr, cells[:_SHOWN])) + (", ..." if len(cells) > _SHOWN else "")
    raise DataError(
        f"{wrong[0][1]}{_more(len(wrong))}. Words are read where they are listed: labels.{finding}"
        f' = {{ column = "{rule.column}", positive = [...], negative = [...] }}, with each of'
        f" {shown} in one of them"
    )


def boxes_in(
    rows: Mapping[str, TableRow], column: str
) -> dict[str, tuple[tuple[Box, ...], tuple[str, ...]]]:
    """What ``boxes_of`` finds in each row; raises DataError for the first cell that holds none."""
    found, wrong = {}, []
    for name, row in rows.items():
        try:
            found[name] = boxes_of(row, column)
        except DataError as error:
            wrong.append(error)
    if wrong:
        raise DataError(f"{wrong[0]}{_more(len(wrong))}") from wrong[0]
    return found


def _more(count: int) -> str:
    return f" (and {count - 1} more such cell{'s' * (count > 2)})" if count > 1 else ""  # noqa: PLR2004


def chosen(
    rows: Sequence[TableRow], where: Mapping[str, CellValue | tuple[CellValue, ...]]
) -> list[TableRow]:
    """The rows whose cells have one of the values that are wanted of their column.

    ``1`` also finds ``1.0``, and ``true`` finds ``True``, where no cell is spelled as it is.
    """
    for column, wanted in where.items():
        several = wanted if isinstance(wanted, tuple) else (wanted,)
        cells = {row[column] for row in rows}
        found = {cell for value in several for cell in _spelled_alike(value, cells)}
        rows = [row for row in rows if row[column] in found]
    return list(rows)


def _spelled_alike(value: CellValue, cells: Iterable[str]) -> set[str]:
    """The cells that hold a value."""
    if isinstance(value, bool):
        return {cell for cell in cells if cell.casefold() == str(value).casefold()}
    return {str(value)} & {*cells} or {cell for cell in cells if plain(cell) == plain(str(value))}


def boxes_of(row: TableRow, column: str) -> tuple[tuple[Box, ...], tuple[str, ...]]:
    """Corners of the boxes in a cell of ``[[x, y, width, height], ...]``, and the strays there.

    Raises:
        DataError: The cell holds something else.
    """
    try:
        found = [tuple(map(float, box)) for box in json.loads(row[column] or "[]")]
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise row.wrong(column, _BOXES) from error
    if not all(len(box) == _CORNERS for box in found):
        raise row.wrong(column, _BOXES)
    boxes, strays = [], []
    for box in found:
        x, y, width, height = box
        # Comparisons with nan are false, so a box with a number missing is no box.
        if width > 0 and height > 0 and all(map(isfinite, box)):
            boxes.append((x, y, x + width, y + height))
        else:
            strays.append(
                f"{row.path}, line {row.line}, column {column!r}: the box {list(box)} marks"
                " nothing; expected [x, y, width, height] with width and height above 0"
            )
    return tuple(boxes), tuple(strays)


def spacing_of(row: TableRow, column: str | None) -> tuple[float, float] | None:
    """Millimetres from pixel to pixel, down and across; None where the cell is blank."""
    if column is None or not row[column]:
        return None
    try:
        spacing = json.loads(row[column])
    except (ValueError, RecursionError):
        spacing = None
    match spacing:
        case [int() | float() as down, int() | float() as across] if (
            0 < min(down, across) <= max(down, across) < inf
        ):
            return float(down), float(across)
        case int() | float() as both if 0 < both < inf:
            return float(both), float(both)
    raise row.wrong(column, "millimetres per pixel, such as 0.143 or [0.143, 0.143], or nothing")


def metadata_of(rows: Sequence[TableRow], columns: Iterable[str]) -> list[dict[str, str | float]]:
    """Of each row, what its cells say that are not blank, column by column."""
    columns = list(columns)
    if not columns:
        return [{}] * len(rows)  # one for all: of a long table, each takes memory
    metadata: list[dict[str, str | float]] = [{} for _ in rows]
    for column in columns:
        known = [(place, row[column]) for place, row in enumerate(rows) if row[column]]
        texts = [text for _, text in known]
        values: Sequence[str | float] = numbers(texts) or texts
        for (place, _), value in zip(known, values, strict=True):
            metadata[place][column] = value
    return metadata


def one_spelling(names: Iterable[str]) -> dict[str, str]:
    """How each name is spelled throughout: ``48`` where both 48 and 48.0 occur."""
    alike: defaultdict[str, set[str]] = defaultdict(set)
    for name in names:
        alike[plain(name)].add(name)
    return {
        name: spelled if len(spellings) > 1 else name
        for spelled, spellings in alike.items()
        for name in spellings
    }
