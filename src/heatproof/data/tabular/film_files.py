"""Where the films of a data set lie: files below a folder, found by the name that a table has."""

import os
from collections.abc import Iterable
from pathlib import Path

from heatproof.errors import DataError

_SUFFIXES = {".dcm", ".dicom", ".png", ".jpg", ".jpeg", ".tif", ".tiff"}


def find_films(folder: Path, names: Iterable[str], usual: str) -> dict[str, Path]:
    """The file of each film, by its name without the suffix, however deep it lies.

    A film that is not there gets the path that it usually has, ``folder / (name + usual)``, which
    is told as missing when the data set is checked.

    Args:
        folder: Where the films lie.
        names: Names of films, without suffixes.
        usual: Suffix that the data set gives its films.

    Raises:
        DataError: Two files below the folder are of one film.
    """
    wanted = {name: folder / f"{name}{usual}" for name in names}
    found: dict[str, Path] = {}
    for place, folders, files in os.walk(folder):
        folders.sort()  # file systems list in any order
        for file in sorted(files):
            name, dot, suffix = file.rpartition(".")
            if name not in wanted or (dot + suffix).lower() not in _SUFFIXES:
                continue
            path = Path(place, file)
            if name in found:
                raise DataError(
                    f"two files are of film {name!r}: {found[name]} and {path}; leave one there, or"
                    " say which folder is meant: images = ... (where the data set has that option)"
                )
            found[name] = path
    return wanted | found
