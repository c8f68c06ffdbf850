"""What lies between the stages: tables, and the units in which they are written.

A table is a class: it says what a row is and what each column means, and its methods answer
questions about the rows.  Code that reads a table calls these methods, so that the meaning of a
value (which rows are controls, which reader counts) is defined here and nowhere else.  In all
tables null means "unknown" or "does not apply", and ``nan`` means "undefined"; the meaning of a
column says which of them it can hold.
"""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import polars as pl

_Kind = TypeVar("_Kind", bound="Table")


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        type: The polars type of its values.
        meaning: A phrase for someone with the file in hand: unit, range, what null and nan mean.
            It stands in ``docs/reference/tables.md``.
    """

    type: Any
    meaning: str


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of one kind.

    Attributes:
        frame: The rows, with at least the columns of the table.
    """

    frame: pl.DataFrame

    name: ClassVar[str]
    """Name of its file beside the report, ``<name>.parquet``, and of the folder of its units."""
    columns: ClassVar[Mapping[str, Column]]
    """The columns by name, in the order in which they are written."""
    former: ClassVar[Mapping[str, str]] = {}
    """The present name of a column, by the name that it had in files of earlier versions."""

    def __post_init__(self) -> None:
        if lacking := [name for name in self.columns if name not in self.frame.columns]:
            raise ValueError(f"{type(self).__name__} lacks the columns {', '.join(lacking)}")

    def __len__(self) -> int:
        return len(self.frame)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """The type of every column, by name."""
        return {name: column.type for name, column in cls.columns.items()}

    @classmethod
    def of_rows(cls: type[_Kind], rows: Iterable[Mapping[str, Any]]) -> _Kind:
        """The table with these rows; a column that a row lacks is null there."""
        return cls(pl.DataFrame(list(rows), cls.schema()))

    @classmethod
    def of_file(cls: type[_Kind], frame: pl.DataFrame) -> _Kind:
        """The table in a file of this version or an earlier one.

        Raises:
            ValueError: A column is missing.
        """
        # A former name may be a present one (``model`` once meant the member), so a file that has
        # every present column is left alone.
        if any(name not in frame.columns for name in cls.columns):
            there = frame.columns
            moved = {old: new for old, new in cls.former.items() if old in there}
            # A name that is taken is free once its column moves on.
            while taken := [old for old, new in moved.items() if new in there and new not in moved]:
                for old in taken:
                    del moved[old]
            frame = frame.rename(moved)
        return cls(frame)

    @classmethod
    def describe(cls) -> "Described":
        """What each column means: its unit, its range, and what null and nan mean there."""
        rows = [(name, str(column.type), column.meaning) for name, column in cls.columns.items()]
        return Described(pl.DataFrame(rows, ["column", "type", "meaning"], orient="row"))

    def _repr_html_(self) -> str:
        # Notebooks show the rows.
        return self.frame._repr_html_()

    def where(self: _Kind, *predicates: pl.Expr, **equal: object) -> _Kind:
        """The rows for which all predicates hold.

        Args:
            predicates: Boolean expressions.
            equal: Columns, each with the value that it must have.
        """
        same = [pl.col(name) == value for name, value in equal.items()]
        return type(self)(self.frame.filter(*predicates, *same))

    def by(self: _Kind, *keys: str) -> Iterator[tuple[tuple[Any, ...], _Kind]]:
        """The rows of each combination of values of these columns, in order of first appearance."""
        for values, rows in self.frame.group_by(keys, maintain_order=True):
            yield values, type(self)(rows)


def every_table() -> tuple[type[Table], ...]:
    """Every class of tables of this room, by the names of their files."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return tuple(sorted(_below(Table), key=lambda table: table.name))


def _below(kind: type[Table]) -> Iterator[type[Table]]:
    for table in kind.__subclasses__():
        if table.__module__.startswith(f"{__name__}."):
            yield table
        yield from _below(table)


AnyTable = TypeVar("AnyTable", bound=Table)
"""A class of tables; run-time checks would look up a bound in quotes in the module that uses it."""


class Described(pl.DataFrame):
    """What columns mean: a frame that shows all of its rows and words, where others cut them."""

    def __str__(self) -> str:
        with _whole():
            return super().__str__()

    __repr__ = __str__

    def _repr_html_(self, **options: Any) -> str:
        with _whole():
            return super()._repr_html_(**options)


def _whole() -> pl.Config:
    return pl.Config(
        tbl_rows=-1,
        fmt_str_lengths=10_000,
        tbl_width_chars=100,
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
    )
