"""Tables as spreadsheets hold them: lists as text, no formulas, nothing where undefined."""

import json
from pathlib import Path

import polars as pl

from heatproof.escaping import column_for_spreadsheet


def written_csv(table: pl.DataFrame, file: Path) -> Path:
    """Write a table as CSV; the file."""
    plain(table).write_csv(file)
    return file


def plain(table: pl.DataFrame) -> pl.DataFrame:
    """A table of cells that a spreadsheet can hold."""
    nested = [name for name, kind in table.schema.items() if kind.is_nested()]
    flat = table.with_columns(_as_json(table[name]) for name in nested)
    texts = [name for name, kind in flat.schema.items() if kind == pl.String]
    return flat.with_columns(column_for_spreadsheet(name) for name in texts).with_columns(
        pl.col(pl.Float64).fill_nan(None)
    )


def _as_json(column: pl.Series) -> pl.Series:
    cells = (None if cell is None else json.dumps(cell) for cell in column.to_list())
    return pl.Series(column.name, list(cells), pl.String)
