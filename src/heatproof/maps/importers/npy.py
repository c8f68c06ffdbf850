"""NumPy: one array per file, written by ``numpy.save``.

https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html.  Arrays of objects, which
are pickles, are refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from heatproof.errors import MapError, read_by_a_library
from heatproof.maps.arrays import NamedArrays, StoredArray, arrays_in_files
from heatproof.maps.importers import importers


@importers.register("npy")
@dataclass(frozen=True)
class Npy(NamedArrays):
    """Arrays ``y x``, or ``k y x`` of several findings.

    Attributes:
        pattern: How the files are named, from any folder on.
        findings: Names of the layers of each array, in order; the pattern then says the film alone.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".npy",)
    pattern: str = "{image_id}_{finding}.npy"
    findings: tuple[str, ...] = ()

    def _arrays(self, folder: Path) -> Iterator[StoredArray]:
        return arrays_in_files(folder, self.suffixes, _array)


def _array(file: Path) -> np.ndarray:
    with read_by_a_library(MapError, f"{file} is no array of NumPy, or cut short"):
        # Mapped and not read: of a stack, one layer at a time is wanted.
        array: np.ndarray = np.load(file, mmap_mode="r", allow_pickle=False)
    return array
