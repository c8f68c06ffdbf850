"""XLSX: all tables in one workbook, a sheet each, with a sheet that says what columns mean."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import xlsxwriter

from heatproof.runs.exported import Exported
from heatproof.runs.exporters import exporters
from heatproof.runs.plain_tables import plain

_ROWS = 1_048_576  # of a sheet, with its head


@exporters.register("xlsx")
@dataclass(frozen=True)
class Xlsx:
    """Tables as sheets of one workbook."""

    def write(self, what: Exported, to: Path) -> Iterator[Path]:
        """The workbook."""
        file = to / "tables.xlsx"
        # Text stays text: no formulas, and no links to the web or to other files.
        as_text = {"strings_to_formulas": False, "strings_to_urls": False}
        with xlsxwriter.Workbook(file, as_text) as book:
            what.run.describe().write_excel(book, "columns")
            for name, cells in what.tables():
                table = plain(cells)
                # A table that is longer than a sheet goes on in the next one.
                for part, rows in enumerate(list(table.iter_slices(_ROWS - 1)) or [table]):
                    rows.write_excel(book, name if part == 0 else f"{name} {part + 1}")
        yield file
