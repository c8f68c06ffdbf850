"""Formats of annotation files: one file each, which reads and writes the records of ``marks``.

A format is a frozen dataclass whose fields are its options, written as a spec such as
``kaggle_rle(relative=true)``.  It says in ``holds`` what it can hold; ``holding.fitted`` brings
marks into that and tells what is lost, so that a writer gets only what it can write.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from heatproof.data.annotations.holding import Holds
from heatproof.data.annotations.marks import Beside, MarkedFilm, Markings
from heatproof.errors import DataError
from heatproof.registry import Registry


@runtime_checkable
class Format(Protocol):
    """How one tool writes annotations."""

    holds: ClassVar[Holds]

    def recognizes(self, path: Path) -> bool:
        """Whether a file or folder looks like this format, by its name and content."""
        ...

    def read(self, path: Path, beside: Beside) -> Markings:
        """What a file or folder holds.

        Raises:
            DataError: It is not of this format; all problems are listed.
        """
        ...

    def write(self, films: Sequence[MarkedFilm], path: Path) -> None:
        """Write films whose marks ``holds`` can hold.

        Raises:
            DataError: A name or a size cannot be written.
        """
        ...


formats: Registry[Format] = Registry("annotation format", __name__, "heatproof.formats")


def guessed(path: Path) -> str:
    """The name of the format of a file or folder.

    Raises:
        DataError: There is no such file, or no format or several look like it.
    """
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder")
    found = [name for name in formats.names() if formats.parse(name).recognizes(path)]
    if len(found) == 1:
        return found[0]
    what = f"could be {' or '.join(found)}" if found else "is of no format that can be told"
    raise DataError(f"{path} {what}; say which: --from NAME, one of {', '.join(formats.names())}")


def format_named(spec: str | None, path: Path) -> Format:
    """The format of a spec, or of what lies at the path where there is none."""
    return formats.parse(spec or guessed(path))
