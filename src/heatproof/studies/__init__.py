"""Which published studies can be repeated?  A TOML file each: an experiment with a ``[study]``.

The files of this folder are shipped with the package.  Their paths are taken from the folder of
the data that ``reproduce`` is told.  ``tiny`` makes a small form of any of them, on phantoms in the
files of its data sets.
"""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from heatproof.errors import ExperimentError, near_misses

_FOLDER = resources.files(__name__)


def names() -> list[str]:
    """The studies, in alphabetical order."""
    files = (Path(file.name) for file in _FOLDER.iterdir())
    return sorted(file.stem for file in files if file.suffix == ".toml")


def text_of(name: str) -> str:
    """The file of a study.

    Raises:
        ExperimentError: There is no such study.
    """
    if name not in names():
        raise ExperimentError(f"no study is named {name!r}; {near_misses(name, names())}")
    return (_FOLDER / f"{name}.toml").read_text(encoding="utf-8")


def table_of(name: str) -> dict[str, Any]:
    """The file of a study, as plain tables; raises ExperimentError as ``text_of``."""
    return tomllib.loads(text_of(name))


def folders_of(table: dict[str, Any]) -> list[str]:
    """The folders that the data of a study are looked for in, below that of all data."""
    return list(dict.fromkeys(data["root"] for data in table["data"]))
