"""NumPy archives: several arrays per file, written by ``numpy.savez``.

https://numpy.org/doc/stable/reference/generated/numpy.savez.html.  An array is named by its file
and its key: ``film7.npz/Opacity``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from heatproof.errors import MapError, read_by_a_library
from heatproof.maps.arrays import NamedArrays, StoredArray, files_below
from heatproof.maps.importers import importers


@importers.register("npz")
@dataclass(frozen=True)
class Npz(NamedArrays):
    """Arrays ``y x``, of one film in each file, or of all films in one.

    Attributes:
        pattern: How files and keys are named: ``*.npz/{image_id}_{finding}`` where one file holds
            all, ``{image_id}_{finding}.npz/*`` where each holds one.
        findings: Names of the layers of each array, in order; the pattern then says the film alone.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".npz",)
    pattern: str = "{image_id}.npz/{finding}"
    findings: tuple[str, ...] = ()

    def _arrays(self, folder: Path) -> Iterator[StoredArray]:
        for file, name in files_below(folder, self.suffixes):
            for key in _keys(file):
                yield StoredArray(file, f"{name}/{key}", partial(_array, file, key))


def _keys(file: Path) -> list[str]:
    with (
        read_by_a_library(MapError, f"{file} is no archive of NumPy, or cut short"),
        np.load(file, allow_pickle=False) as archive,
    ):
        return list(archive.files)


def _array(file: Path, key: str) -> np.ndarray:
    with (
        read_by_a_library(MapError, f"{file}, {key!r}: no array that can be read"),
        np.load(file, allow_pickle=False) as archive,
    ):
        array: np.ndarray = archive[key]
    return array
