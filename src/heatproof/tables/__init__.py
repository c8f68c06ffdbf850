"""What rests between the stages: tables, and the units in which they are written.

A table is a class: what one row is, what every column means, and the questions that may be asked
of the rows.  Whoever reads a table asks those questions by name, so that what a value stands for
(which rows are controls, which reader counts) is said here and nowhere else.  In all tables null is
"unknown" or "does not apply", and ``nan`` is "undefined"; every column says which it can be.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import polars as pl

Kind = TypeVar("Kind", bound="Table")


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        type: The polars type of its values.
        meaning: What a value says: unit, range, what null and nan mean.
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
    """Of its files: ``<name>.parquet`` beside the report, and the folder of its units."""
    columns: ClassVar[Mapping[str, Column]]
    former: ClassVar[Mapping[str, str]] = {}
    """Names that columns had in files of earlier versions, which are still read."""

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
    def of_rows(cls: type[Kind], rows: Iterable[Mapping[str, Any]]) -> Kind:
        """The table of these rows; what a row does not hold is null."""
        return cls(pl.DataFrame(list(rows), cls.schema()))

    @classmethod
    def of_file(cls: type[Kind], frame: pl.DataFrame) -> Kind:
        """The table in a file, which an earlier version may have written."""
        if any(name not in frame.columns for name in cls.columns):
            frame = frame.rename(dict(cls.former), strict=False)
        return cls(frame)

    def where(self: Kind, *predicates: pl.Expr, **equal: object) -> Kind:
        """The rows for which all of this holds; columns may be given with their value."""
        same = [pl.col(name) == value for name, value in equal.items()]
        return type(self)(self.frame.filter(*predicates, *same))

    def by(self: Kind, *keys: str) -> Iterator[tuple[tuple[Any, ...], Kind]]:
        """The rows of each value of some columns, in the order in which the values first stand."""
        for values, rows in self.frame.group_by(keys, maintain_order=True):
            yield values, type(self)(rows)


AnyTable = TypeVar("AnyTable", bound=Table)
"""For functions that return the kind of table that they are given."""
