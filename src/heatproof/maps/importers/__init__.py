"""Maps that other tools made: one file per format, each read without running foreign code."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from heatproof.registry import Registry


@dataclass(frozen=True)
class ImportedMap:
    """One map, and what its file says about it.

    Attributes:
        image_id: Identifier of the film, as the file has it.
        finding: Name of the finding, as the file has it.
        values: The map at its stored resolution.
        probability: Probability of the finding by the model that was explained, in [0, 1]; nan
            where the file has none.
        label: Whether the reference standard says that the finding is present.
        size: Height and width of the film in pixels.
    """

    image_id: str
    finding: str
    values: Float32[np.ndarray, "y x"]
    probability: float
    label: bool
    size: tuple[int, int]


@runtime_checkable
class Importer(Protocol):
    """Reads the maps of one tool."""

    def files(self, folder: Path) -> list[Path]:
        """The map files in a folder and below, sorted; raises MapError when there are none."""
        ...

    def read(self, path: Path) -> ImportedMap:
        """One map; raises MapError, or UnsafePickleError when the file could run a program."""
        ...


importers: Registry[Importer] = Registry("importer", __name__, "heatproof.importers")
