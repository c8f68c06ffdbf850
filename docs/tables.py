"""Writes docs/reference/tables.md: every table of a run or a sweep and its columns, from the code.

python docs/tables.py
"""

import inspect
from pathlib import Path
from typing import Any

import polars as pl

from heatproof.report.content import Content, Provenance
from heatproof.report.paper.files import tables
from heatproof.report.paper.meanings import meanings
from heatproof.report.paper.table import PaperTable
from heatproof.report.writing import CSV
from heatproof.runs.folder import TABLES
from heatproof.sweep.trials import TrialLocalization, TrialTable
from heatproof.tables import Table
from heatproof.tables.contents import Contents
from heatproof.tables.fidelity import FidelityOfMaps
from heatproof.tables.headers import Headers
from heatproof.tables.maps_made import MapsMade
from heatproof.tables.pairs import Pairs
from heatproof.tables.predictions import Predictions
from heatproof.tables.scores import Scores
from heatproof.tables.shapes import Shapes
from heatproof.tables.structures import OnStructures
from heatproof.types import Estimate

PAGE = Path(__file__).parent / "reference" / "tables.md"
BESIDE = TABLES
SWEEP = (TrialTable, TrialLocalization)
UNITS = (
    Contents,
    Headers,
    Predictions,
    MapsMade,
    Scores,
    Shapes,
    OnStructures,
    Pairs,
    FidelityOfMaps,
)
HEAD = """# The tables of a run and of a sweep

A run writes its tables as Parquet into its folder, beside the report; some also as CSV. [`heatproof.open`](../how-to/work-with-runs.md) gives them
with the meaning of each column, and `heatproof export` writes them as CSV or XLSX. Or read them with polars, pandas, R or DuckDB, or
[ask them again](../how-to/ask-the-tables.md) with the analyses of the report. Null means *unknown* or *does not apply*; `nan` means
*undefined*. In CSV both are empty.

`model` is the name under which results are reported. Several trained networks (*members*) may share it, where each film is judged by one of
them (cross-fitting). A row whose `model` is empty belongs to a *control*.

*This page is written by `docs/tables.py`.*
"""
KINDS = {str: "text", int: "integer", float: "number", Estimate: "number with interval"}
PAPER = """
## What the page shows: `tables/`

For papers and slides, a report writes the tables of its page below `tables/`, each as CSV and as LaTeX; one without rows has no file. Names of
models, methods and findings stand there as people read them. A *number with interval* takes three columns of CSV: the heading, and the
heading with ` low` and ` high`. The tables of a study that is repeated have names for programs in CSV instead of headings; an interval there is `published_low`
and `published_high`.
"""
TRIALS = """
## What a sweep writes

`heatproof sweep` writes these into the same folder, beside `sweep.html` and `best.toml`: the first always, the second with `localize = true`.
"""
MIDDLE = """
## Units

The stages write the same rows in units, one Parquet file each, in a folder with the name of the table: {folders}. A unit
is named by the hash of everything that made it. Rows that were set aside are in units, with their `reason`, and not in the tables beside the
report. These tables are in units alone:
"""


def page() -> str:
    """The page as it should stand."""
    alone = [table for table in UNITS if table.name not in {beside.name for beside in BESIDE}]
    folders = ", ".join(f"`{table.name}/`" for table in UNITS)
    # The columns do not depend on the content, so an empty one has them all.
    paper = map(_paper_section, tables(Content("", "", Provenance(""))))
    parts = [
        *(HEAD, *map(_section, BESIDE)),
        *(PAPER, *paper),
        *(TRIALS, *map(_section, SWEEP)),
        *(MIDDLE.format(folders=folders), *map(_section, alone)),
    ]
    return "\n".join(parts)


def _paper_section(table: PaperTable[Any]) -> str:
    meaning = meanings(table)
    rows = "\n".join(
        f"| {column.in_csv[0]} | {KINDS[column.kind]} | {meaning[column.name]} |"
        for column in table.columns
    )
    return f"""
### `tables/{table.name}.csv`

{table.caption}.

| column | type | meaning |
|---|---|---|
{rows}
"""


def _section(table: type[Table]) -> str:
    suffix = f", `{table.name}.csv`" if table.name in CSV else ""
    is_unit = table not in (*BESIDE, *SWEEP)
    file = f"`{table.name}/`" if is_unit else f"`{table.name}.parquet`{suffix}"
    rows = "\n".join(
        f"| `{name}` | {_type(column.type)} | {column.meaning} |"
        for name, column in table.columns.items()
    )
    return f"""
## {file}

{inspect.cleandoc(table.__doc__ or "")}

| column | type | meaning |
|---|---|---|
{rows}
"""


def _type(kind: object) -> str:
    if isinstance(kind, pl.List):
        return f"list of {_type(kind.inner)}"
    if isinstance(kind, pl.Struct):
        return "(" + ", ".join(f"{field.name}: {_type(field.dtype)}" for field in kind.fields) + ")"
    names = {
        "String": "text",
        "Float64": "number",
        "Int32": "integer",
        "Int64": "integer",
        "Boolean": "yes or no",
    }
    return names[str(kind)]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
