"""npy: each map as an array of NumPy, rows before columns, raw and signed where the method is."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from heatproof.runs.exported import Exported
from heatproof.runs.exporters import exporters
from heatproof.runs.map_files import maps_as_files


@exporters.register("npy")
@dataclass(frozen=True)
class Npy:
    """Maps as arrays of NumPy."""

    def write(self, what: Exported, to: Path) -> Iterator[Path]:
        """A file per map, and a list of them."""
        return maps_as_files(what, to, ".npy", np.save)
