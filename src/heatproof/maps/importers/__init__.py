"""Maps that other tools made: one file per format, each read without running foreign code."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from heatproof.maps.naming import KnownFilms
from heatproof.registry import Registry


@dataclass(frozen=True)
class ImportedMap:
    """One map, and what its file says about it.

    Attributes:
        image_id: Identifier of the film.
        finding: Name of the finding.
        values: The map at its stored resolution.
        probability: Probability of the finding by the model that was explained, in [0, 1]; nan
            where the file has none.
        label: Whether the reference standard says that the finding is present; None where the file
            says nothing of it.
        size: Height and width of the film in pixels; None where the file says nothing of it.
    """

    image_id: str
    finding: str
    values: Float32[np.ndarray, "y x"]
    probability: float = float("nan")
    label: bool | None = None
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class FoundMap:
    """A map that was found in a folder and is not read yet.

    Attributes:
        file: The file, or the folder of a format whose arrays are folders.
        name: What reports call it: its path below the folder of maps, and its place inside a file
            that holds several.
        read: Reads it; raises MapError, or UnsafePickleError when the file could run a program.
    """

    file: Path
    name: str
    read: Callable[[], ImportedMap]


@runtime_checkable
class Importer(Protocol):
    """Finds and reads the maps of one format."""

    suffixes: ClassVar[tuple[str, ...]]
    """How the names of its files end."""

    def find(self, folder: Path, known: KnownFilms) -> list[FoundMap]:
        """The maps in a folder and below, or in one file, sorted by name; no map is read.

        Args:
            folder: Where they lie.
            known: The films and findings that they may be of.

        Raises:
            MapError: There are none.
        """
        ...


importers: Registry[Importer] = Registry("importer", __name__, "heatproof.importers")
