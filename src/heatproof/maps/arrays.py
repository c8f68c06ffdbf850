"""Arrays of numbers as maps: what formats that hold plain arrays share.

An array is a map ``y x``, with any axes of length 1 around it; or, where the findings of its layers
are named, a stack ``k y x`` of them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float32

from heatproof.errors import MapError
from heatproof.maps.importers import FoundMap, ImportedMap
from heatproof.maps.naming import KnownFilms, check_pattern, film_of, place_of

_AXES = 2  # rows and columns
_NUMBERS = "fiub"  # kinds of NumPy: floats, signed, unsigned, booleans


@dataclass(frozen=True)
class StoredArray:
    """An array in a file, not read yet.

    Attributes:
        file: The file.
        name: Its path below the folder of maps with slashes, and its key in a file of several.
        read: Reads it; raises MapError.
    """

    file: Path
    name: str
    read: Callable[[], np.ndarray]


class NamedArrays(ABC):
    """An importer of arrays whose names say film and finding; it says how they are stored.

    A format declares ``pattern`` as its option, with the usual names, and ``findings`` where its
    arrays may be stacks.
    """

    suffixes: ClassVar[tuple[str, ...]]
    pattern: str
    findings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises SpecError for a pattern that cannot be one, before any file is looked at."""
        check_pattern(self.pattern, self.findings)

    def find(self, folder: Path, known: KnownFilms) -> list[FoundMap]:
        """The maps of all arrays; raises MapError where there are none."""
        return maps_in(self._arrays(folder), known, self.pattern, self.findings)

    @abstractmethod
    def _arrays(self, folder: Path) -> Iterable[StoredArray]:
        """The arrays in a folder and below, or in one file; raises MapError where none are."""


def files_below(folder: Path, suffixes: tuple[str, ...]) -> list[tuple[Path, str]]:
    """Files of a format, and their paths below the folder with slashes, sorted by them.

    Args:
        folder: A folder, or one file.
        suffixes: How the names of the files end.

    Raises:
        MapError: There are none.
    """
    if folder.is_file():
        return [(folder, folder.name)]
    if not folder.is_dir():
        raise MapError(f"{folder}: there is no such folder of maps")
    names = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        # Systems leave files such as ._film.npy beside those that they copy.
        if path.name.lower().endswith(suffixes) and not path.name.startswith("._")
    )
    if not names:
        ends = " or ".join(suffixes)
        raise MapError(f"no file in {folder} ends in {ends}; is it the folder of the maps?")
    return [(folder / name, name) for name in names]


def arrays_in_files(
    folder: Path, suffixes: tuple[str, ...], read: Callable[[Path], np.ndarray]
) -> Iterator[StoredArray]:
    """The arrays of a format with one in each file; raises MapError where there are none."""
    for file, name in files_below(folder, suffixes):
        yield StoredArray(file, name, partial(read, file))


def maps_in(
    arrays: Iterable[StoredArray], known: KnownFilms, pattern: str, findings: tuple[str, ...] = ()
) -> list[FoundMap]:
    """The maps in arrays that are named by a pattern.

    Args:
        arrays: The arrays.
        known: The films and findings that maps may be of.
        pattern: How arrays are named.
        findings: Of the layers of each array; empty where an array is one map.
    """
    return [found for array in arrays for found in _maps_of(array, known, pattern, findings)]


def _maps_of(
    array: StoredArray, known: KnownFilms, pattern: str, findings: tuple[str, ...]
) -> Iterator[FoundMap]:
    def one() -> ImportedMap:
        image_id, finding = place_of(array.name, pattern, known)
        return ImportedMap(image_id, finding, as_map(array.read(), array.name))

    def layer(number: int) -> ImportedMap:
        image_id = film_of(array.name, pattern, known)
        values = _layer(array.read(), number, findings, array.name)
        return ImportedMap(image_id, findings[number], as_map(values, array.name))

    if not findings:
        yield FoundMap(array.file, array.name, one)
    for number, finding in enumerate(findings):
        yield FoundMap(array.file, f"{array.name}, {finding}", partial(layer, number))


def _layer(values: Any, number: int, findings: tuple[str, ...], where: str) -> np.ndarray:
    while values.ndim > _AXES + 1 and values.shape[0] == 1:
        values = values[0]
    if values.ndim != _AXES + 1 or values.shape[0] != len(findings):
        raise MapError(
            f"{where} has shape {tuple(values.shape)}, expected ({len(findings)}, y, x): a layer"
            f" for each of findings={findings!r}"
        )
    layer: np.ndarray = values[number]
    return layer


def as_map(values: np.ndarray, where: str) -> Float32[np.ndarray, "y x"]:
    """An array as one map.

    Args:
        values: The array.
        where: What messages call it.

    Raises:
        MapError: It holds no numbers, has other axes than rows and columns, or a value that is not
            finite.
    """
    if values.dtype.kind not in _NUMBERS:
        raise MapError(f"{where} holds {values.dtype}, expected numbers")
    cells = values
    while cells.ndim > _AXES and cells.shape[0] == 1:
        cells = cells[0]
    while cells.ndim > _AXES and cells.shape[-1] == 1:
        cells = cells[..., 0]
    if cells.ndim != _AXES or not cells.size:
        several = cells.ndim == _AXES + 1
        hint = "; are its layers findings? Name them in order with findings=..." if several else ""
        raise MapError(f"{where} has shape {values.shape}, expected (y, x){hint}")
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is told below
        cells = np.ascontiguousarray(cells, dtype=np.float32)
    if count := np.count_nonzero(~np.isfinite(cells)):
        raise MapError(f"{where}: {count} values are not finite, or too large for a 32-bit float")
    return cells
