"""CSV: a file per table, and ``columns.csv``, which says what every column of every table means."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from heatproof.runs.exported import Exported
from heatproof.runs.exporters import exporters
from heatproof.runs.plain_tables import written_csv


@exporters.register("csv")
@dataclass(frozen=True)
class Csv:
    """Tables as CSV: lists as JSON, nothing where undefined, no formulas."""

    def write(self, what: Exported, to: Path) -> Iterator[Path]:
        """A file per table."""
        for name, table in what.tables():
            yield written_csv(table, to / f"{name}.csv")
        yield written_csv(what.run.describe(), to / "columns.csv")
