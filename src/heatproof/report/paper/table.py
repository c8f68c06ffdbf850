"""Tables for paper: one record that the page shows, and that is written as CSV and as LaTeX.

A cell is text, a number or an estimate; nothing is formatted before it is known where it stands.
In CSV an estimate is three columns, ``nan`` and what is absent are empty; elsewhere it is one cell,
such as ``0.31 [0.26, 0.36]``, and what is undefined is said in words.
"""

import csv as csv_module
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass

from heatproof import words
from heatproof.types import Estimate

Cell = str | int | float | Estimate | None
ABSENT = "\N{EN DASH}"
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", words.MINUS: r"\textminus{}",
    ABSENT: "--", "\N{MULTIPLICATION SIGN}": r"\texttimes{}", "\N{BLACK UP-POINTING TRIANGLE}": "+",
    "\N{BLACK DOWN-POINTING TRIANGLE}": r"\textminus{}",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        kind: Of its cells; an estimate or a number that is ``signed`` shows its sign.
    """

    name: str
    kind: type = str
    signed: bool = False


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        name: Of its files, without an extension.
        caption: In words.
        rows: As long as there are columns.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


def narrowed(table: Table) -> Table:
    """Without columns that say nothing: empty ones, and words that are the same in every row."""
    told = [
        place
        for place, column in enumerate(table.columns)
        if (cells := {row[place] for row in table.rows} - {None, ""})
        and (column.kind is not str or len(cells) > 1 or len(table.rows) == 1)
    ]
    columns = tuple(table.columns[place] for place in told)
    rows = tuple(tuple(row[place] for place in told) for row in table.rows)
    return Table(table.name, table.caption, columns, rows)


def is_estimate(cell: Cell) -> bool:
    """Whether it has an interval to be shown below it."""
    return isinstance(cell, Estimate)


def is_text(column: Column) -> bool:
    """Whether its cells are words, which stand on the left."""
    return column.kind is str


def shown(cell: Cell, column: Column) -> str:
    """The cell as a reader sees it."""
    if cell is None or cell == "":
        return ABSENT
    if isinstance(cell, Estimate):
        return words.estimate(cell, difference=column.signed)
    if isinstance(cell, float):
        return words.signed(cell) if column.signed else words.number(cell)
    return f"{cell:,}" if isinstance(cell, int) else cell


def csv(table: Table) -> str:
    """With a header line; estimates as ``name``, ``name low`` and ``name high``."""
    text = io.StringIO()
    writer = csv_module.writer(text, lineterminator="\n")
    writer.writerow(
        name
        for column in table.columns
        for name in (
            [column.name, f"{column.name} low", f"{column.name} high"]
            if column.kind is Estimate
            else [column.name]
        )
    )
    for row in table.rows:
        cells = zip(row, table.columns, strict=True)
        writer.writerow(value for cell, column in cells for value in _plain(cell, column))
    return text.getvalue()


def latex(table: Table) -> str:
    """A ``table`` environment for the packages ``booktabs`` and ``textcomp``."""
    header = " & ".join(_escaped(column.name) for column in table.columns)
    lines = [
        " & ".join(_escaped(shown(*pair)) for pair in zip(row, table.columns, strict=True))
        for row in table.rows
    ]
    sides = "".join("l" if column.kind is str else "r" for column in table.columns)
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


def _plain(cell: Cell, column: Column) -> Iterator[str | int | float]:
    if isinstance(cell, Estimate):
        numbers: tuple[Cell, ...] = (cell.value, cell.low, cell.high)
    else:
        numbers = (cell, None, None) if column.kind is Estimate else (cell,)
    for number in numbers:
        absent = number is None or (isinstance(number, float) and math.isnan(number))
        yield "" if absent or isinstance(number, Estimate) or number is None else number


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in " ".join(text.split()))
