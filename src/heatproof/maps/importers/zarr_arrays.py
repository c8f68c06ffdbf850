"""Zarr: arrays named by their path, or whole blocks that say in their attributes what they hold.

https://zarr-specs.readthedocs.io.  An array ``n k y x`` with the attributes ``image_ids`` (n names)
and ``findings`` (k names) is what heatproof itself stores; any other is one map, and its path is
matched with the pattern.  Arrays whose chunks are pickles are refused.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import zarr

from heatproof.errors import MapError, UnsafePickleError, read_by_a_library
from heatproof.maps.arrays import StoredArray, as_map, files_below, maps_in
from heatproof.maps.importers import FoundMap, ImportedMap, importers
from heatproof.maps.naming import KnownFilms, check_pattern


@importers.register("zarr")
@dataclass(frozen=True)
class ZarrArrays:
    """Arrays of version 2 or 3, in folders.

    Attributes:
        pattern: How the folders of arrays are named; of no account where attributes say it.
        findings: Names of the layers of each array, in order; the pattern then says the film alone.
    """

    suffixes: ClassVar[tuple[str, ...]] = ("zarr.json", ".zarray")
    pattern: str = "{image_id}/{finding}"
    findings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_pattern(self.pattern, self.findings)

    def find(self, folder: Path, known: KnownFilms) -> list[FoundMap]:
        """The maps of all arrays."""
        blocks, alone = [], []
        for place, name in _folders(folder, self.suffixes):
            array = _opened(place)
            if {"image_ids", "findings"} <= set(array.attrs):
                blocks += list(_of_block(array, place, name))
            else:
                alone.append(StoredArray(place, name, partial(_read, array, (), name)))
        found = blocks + maps_in(alone, known, self.pattern, self.findings)
        if not found:
            raise MapError(f"{folder} holds groups of Zarr and no array")
        return found


def _folders(folder: Path, suffixes: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    """The folders that hold an array, and their paths below."""
    if folder.is_file():
        raise MapError(f"{folder} is a file; expected the folder of an array of Zarr, unpacked")
    for file, _ in files_below(folder, suffixes):
        if file.name == "zarr.json" and _is_group(file):
            continue
        yield file.parent, file.parent.relative_to(folder).as_posix()


def _is_group(file: Path) -> bool:
    with read_by_a_library(MapError, f"{file} is no description of an array"):
        about = json.loads(file.read_bytes())
    return isinstance(about, dict) and about.get("node_type") == "group"


def _opened(place: Path) -> Any:
    with read_by_a_library(MapError, f"{place} is no array of Zarr"):
        array = zarr.open_array(place, mode="r")
        dict(array.attrs)  # of version 2 they lie in a file of their own, which may hold anything
    # Of version 2, any codec of numcodecs may stand there, and old ones unpickle without asking.
    if any(getattr(codec, "codec_id", "") == "pickle" for codec in _codecs(array)):
        raise UnsafePickleError(
            f"{place} holds pickles: loading the array could run any program; save numbers alone"
        )
    return array


def _codecs(array: Any) -> list[Any]:
    return [*(array.filters or ()), *(array.compressors or ())]


def _of_block(array: Any, place: Path, name: str) -> Iterator[FoundMap]:
    image_ids, findings = list(array.attrs["image_ids"]), list(array.attrs["findings"])
    if array.ndim != 4 or array.shape[:2] != (len(image_ids), len(findings)):  # noqa: PLR2004
        raise MapError(
            f"{place} has shape {array.shape}, and its attributes name {len(image_ids)} films and"
            f" {len(findings)} findings; expected ({len(image_ids)}, {len(findings)}, y, x)"
        )

    def read(row: int, column: int, where: str) -> ImportedMap:
        values = as_map(_read(array, (row, column), where), where)
        return ImportedMap(str(image_ids[row]), str(findings[column]), values)

    for row, image_id in enumerate(image_ids):
        for column, finding in enumerate(findings):
            where = f"{name}, {finding!r} of {image_id!r}"
            yield FoundMap(place, where, partial(read, row, column, where))


def _read(array: Any, index: tuple[int, ...], where: str) -> np.ndarray:
    with read_by_a_library(MapError, f"{where}: damaged"):
        return np.asarray(array[index or ...])
