"""A folder of masks: a PNG per film and finding.

``FINDING/film.png``, or ``READER/FINDING/film.png``, or ``film.png`` alone, where ``--finding``
says what is marked.  Two values, 0 is outside; ``mask_files`` says which other files can be read.
An all-black file is a reader who looked and marked nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from heatproof.data.annotations import mask_files
from heatproof.data.annotations.formats import formats
from heatproof.data.annotations.holding import Holds
from heatproof.data.annotations.marks import (
    Beside,
    Mark,
    MarkedFilm,
    Markings,
    Reading,
    Size,
    place_for,
)
from heatproof.data.annotations.shapes import Mask, MaskFile
from heatproof.errors import DataError
from heatproof.types import REFERENCE

_SUFFIXES = (".png", ".tif", ".tiff", ".bmp", ".gif")
LEVELS = ("film", "FINDING/film", "READER/FINDING/film")


@formats.register("masks")
@dataclass(frozen=True)
class Masks:
    """Pictures of two values, all of a folder."""

    holds: ClassVar[Holds] = Holds(
        frozenset({"masks"}), things=False, readers=True, lookers=True, sizes=True, needs_size=True
    )

    def recognizes(self, path: Path) -> bool:
        """A folder of pictures."""
        return path.is_dir() and any(_files(path))

    def read(self, path: Path, beside: Beside) -> Markings:
        """The masks of each film, which are decoded where they are asked for."""
        reading = Reading(path, beside)
        for file in _files(path):
            with reading.item(file.name):
                film, finding, reader = named(file, path, reading)
                name = reading.film(film, mask_files.size_of(file), reader)
                if mask_files.marked(file).any():
                    reading.add(name, Mark(finding, MaskFile(file), reader))
        if not any(_files(path)):
            raise DataError(f"{path} has no pictures; expected {' or '.join(LEVELS)}.png")
        return reading.markings()

    def write(self, films: Sequence[MarkedFilm], path: Path) -> None:
        """A file per film, finding and reader."""
        for place, mask in written(films, path, ".png"):
            Image.fromarray(mask.astype(np.uint8) * 255).save(place)


def _files(path: Path) -> Iterator[Path]:
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return (file for file in files if file.suffix.lower() in _SUFFIXES and file.is_file())


def named(file: Path, folder: Path, reading: Reading) -> tuple[str, str, str]:
    """Film, finding and reader of a file, by the folders that it lies in; raises DataError."""
    *levels, name = file.relative_to(folder).parts if file != folder else (file.name,)
    film = name[: -len("".join(file.suffixes[-2:]))] if name.endswith(".nii.gz") else file.stem
    match levels:
        case []:
            return film, reading.finding(None), reading.beside.reader
        case [finding]:
            return film, finding, reading.beside.reader
        case [reader, finding]:
            return film, finding, reader
    raise DataError(f"{file} lies {len(levels)} folders deep; expected {' or '.join(LEVELS)}")


def written(films: Sequence[MarkedFilm], folder: Path, suffix: str) -> Iterator[tuple[Path, Mask]]:
    """File and mask of each film, finding and reader; raises DataError."""
    several = any(mark.reader != REFERENCE for film in films for mark in film.marks)
    findings = sorted({mark.finding for film in films for mark in film.marks})
    if not findings:
        raise DataError("nothing is marked, and a folder of masks is named by what is")
    seen: dict[Path, str] = {}
    for film in films:
        assert film.size is not None
        size: Size = film.size
        masks: dict[tuple[str, ...], Mask] = {}
        drew = {mark.reader for mark in film.marks}
        for reader in [one for one in film.readers or (REFERENCE,) if one not in drew]:
            # Who looked and marked nothing has an empty mask of any finding.
            empty = (reader, findings[0]) if several else (findings[0],)
            masks[empty] = np.zeros(size, bool)
        for mark in film.marks:
            key: tuple[str, ...] = (mark.finding,)
            if several:
                key = mark.reader, mark.finding
            masks[key] = masks.get(key, np.zeros(size, bool)) | mark.shape.mask(*size)
        for key, mask in masks.items():
            if any(part in ("", ".", "..") or "/" in part or "\0" in part for part in key):
                raise DataError(f"{key}: no names of folders")
            name = film.name.replace("\\", "/").rpartition("/")[2]
            place = place_for(folder.joinpath(*key), name, suffix)
            if seen.setdefault(place, film.name) != film.name:
                raise DataError(f"films {seen[place]} and {film.name} would both be {place}")
            yield place, mask
