"""NumPy: one array per file, written by ``numpy.save``.

https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html.  Arrays of objects, which
are pickles, are refused.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from heatproof.errors import MapError
from heatproof.maps.arrays import arrays_in_files, maps_in
from heatproof.maps.importers import FoundMap, importers
from heatproof.maps.naming import KnownFilms, check_pattern


@importers.register("npy")
@dataclass(frozen=True)
class Npy:
    """Arrays ``y x``, or ``k y x`` of several findings.

    Attributes:
        pattern: How the files are named, from any folder on.
        findings: Names of the layers of each array, in order; the pattern then says the film alone.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".npy",)
    pattern: str = "{image_id}_{finding}.npy"
    findings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_pattern(self.pattern, self.findings)

    def find(self, folder: Path, known: KnownFilms) -> list[FoundMap]:
        """The maps of all files."""
        return maps_in(
            arrays_in_files(folder, self.suffixes, _array), known, self.pattern, self.findings
        )


def _array(file: Path) -> np.ndarray:
    try:
        # Mapped and not read: of a stack, one layer at a time is wanted.
        array: np.ndarray = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise MapError(f"{file} is no array of NumPy, or cut short: {error}") from error
    return array
