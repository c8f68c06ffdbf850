"""Exporters: a run in the formats of other programs, one file per format."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

from heatproof.registry import Registry
from heatproof.runs.exported import Exported


@runtime_checkable
class Exporter(Protocol):
    """Writes a run in one format."""

    def write(self, what: Exported, to: Path) -> Iterator[Path]:
        """Write it, and tell each file when it is written.

        Args:
            what: Tables and maps, with the identifiers that may leave.
            to: Folder to write to, which is there.

        Raises:
            MapError: A map is damaged.
            ExperimentError: What the format needs is not there, such as the files of films.
        """
        ...


exporters: Registry[Exporter] = Registry("exporter", __name__, "heatproof.exporters")
