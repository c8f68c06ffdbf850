"""Tables that the page shows and that are written as CSV and as LaTeX.

A cell is text, a number or an estimate; nothing is formatted before it is known where it stands.
In CSV an estimate takes three columns, and ``nan`` and absent cells are empty.  Elsewhere an
estimate is one cell, such as ``0.31 [0.26, 0.36]``, and words say what is undefined.
"""

import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from heatproof import words
from heatproof.escaping import for_spreadsheet
from heatproof.types import Estimate

PaperCell = str | int | float | Estimate | None
_Record = TypeVar("_Record")
_Record_contra = TypeVar("_Record_contra", contravariant=True)
ABSENT = "\N{EN DASH}"
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", words.MINUS: r"\textminus{}",
    ABSENT: "--", "\N{MULTIPLICATION SIGN}": r"\texttimes{}", "\N{BLACK UP-POINTING TRIANGLE}": "+",
    "\N{BLACK DOWN-POINTING TRIANGLE}": r"\textminus{}",
}  # fmt: skip


@dataclass(frozen=True)
class PaperColumn(Generic[_Record_contra]):
    """One column.

    Attributes:
        name: The heading.
        cell: The cell of a record.
        kind: The type of the cells: ``str``, ``int``, ``float`` or ``Estimate``.
        signed: Whether numbers and estimates are differences or slopes, and carry their sign.
        key: The name in CSV, in a table that programs read, whatever the heading becomes; where it
            is empty, CSV has the heading.
    """

    name: str
    cell: Callable[[_Record_contra], PaperCell]
    kind: type = str
    signed: bool = False
    key: str = ""

    @property
    def in_csv(self) -> tuple[str, ...]:
        """The names in CSV: three of an estimate."""
        gap = "_" if self.key else " "
        ends = ("", f"{gap}low", f"{gap}high") if self.kind is Estimate else ("",)
        return tuple(f"{self.key or self.name}{end}" for end in ends)


@dataclass(frozen=True)
class PaperTable(Generic[_Record]):
    """One table: a row for every record.

    Attributes:
        name: The name of its files, without an extension.
        caption: What the table shows, in a few words.
        records: What the rows are made of, one each; empty where there is nothing to show.
    """

    name: str
    caption: str
    columns: tuple[PaperColumn[_Record], ...]
    records: Sequence[_Record]

    @property
    def rows(self) -> tuple[tuple[PaperCell, ...], ...]:
        """The cells, row by row."""
        return tuple(
            tuple(column.cell(record) for column in self.columns) for record in self.records
        )


def narrowed(table: PaperTable[Any]) -> PaperTable[Any]:
    """The table without columns that say nothing: empty ones, and text that is always the same.

    A table of one row keeps its text, which may be all that it says.
    """
    kept = []
    for place, column in enumerate(table.columns):
        cells = {row[place] for row in table.rows} - {None, ""}
        if cells and (column.kind is not str or len(cells) > 1 or len(table.rows) == 1):
            kept.append(column)
    return replace(table, columns=tuple(kept))


def row_tags(table: PaperTable[Any]) -> list[dict[str, str]]:
    """What each row is about: its finding, method and model, where the table names them."""
    places = {
        column.name.lower(): place
        for place, column in enumerate(table.columns)
        if column.name in ("Finding", "Method", "Model")
    }
    return [
        {tag: str(row[place]) for tag, place in places.items() if row[place]} for row in table.rows
    ]


def is_estimate(cell: PaperCell) -> bool:
    """Whether the cell has an interval."""
    return isinstance(cell, Estimate)


def is_text(column: PaperColumn[Any]) -> bool:
    """Whether the cells are text, which is aligned to the left."""
    return column.kind is str


def cell_text(cell: PaperCell, column: PaperColumn[Any]) -> str:
    """The cell as people read it."""
    if cell is None or cell == "":
        return ABSENT
    if isinstance(cell, Estimate):
        return words.estimate(cell, difference=column.signed)
    if isinstance(cell, float):
        return words.signed(cell) if column.signed else words.number(cell)
    return f"{cell:,}" if isinstance(cell, int) else cell


def as_csv(table: PaperTable[Any]) -> str:
    """CSV with a header line; an estimate is ``name``, ``name low`` and ``name high``, or ``key``,
    ``key_low`` and ``key_high``.

    Text that a spreadsheet would execute is marked as text.
    """
    text = io.StringIO()
    # The module's default is the line end of Windows, on every system.
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(for_spreadsheet(name) for column in table.columns for name in column.in_csv)
    for row in table.rows:
        cells = zip(row, table.columns, strict=True)
        writer.writerow(value for cell, column in cells for value in _csv_values(cell, column))
    return text.getvalue()


def as_latex(table: PaperTable[Any]) -> str:
    """A ``table`` environment for the packages ``booktabs`` and ``textcomp``."""
    header = " & ".join(_escaped(column.name) for column in table.columns)
    lines = [
        " & ".join(_escaped(cell_text(*pair)) for pair in zip(row, table.columns, strict=True))
        for row in table.rows
    ]
    sides = "".join("l" if is_text(column) else "r" for column in table.columns)
    return "\n".join(
        (
            r"\begin{table}",
            rf"\caption{{{_escaped(table.caption)}}}",
            rf"\begin{{tabular}}{{{sides}}}",
            r"\toprule",
            rf"{header} \\",
            r"\midrule",
            *(rf"{line} \\" for line in lines),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        )
    )


def _csv_values(cell: PaperCell, column: PaperColumn[Any]) -> Iterator[str | int | float]:
    """Three values for a column of estimates, one for any other; empty where absent or nan."""
    if isinstance(cell, Estimate):
        for number in (cell.value, cell.low, cell.high):
            yield "" if math.isnan(number) else number
    else:
        absent = cell is None or (isinstance(cell, float) and math.isnan(cell))
        value = "" if absent or cell is None else cell
        yield for_spreadsheet(value) if isinstance(value, str) else value
        if column.kind is Estimate:
            yield from ("", "")


def _escaped(text: str) -> str:
    # Letter by letter, so that no escape is escaped again; an empty line would end a caption.
    return "".join(_LATEX.get(letter, letter) for letter in " ".join(text.split()))
