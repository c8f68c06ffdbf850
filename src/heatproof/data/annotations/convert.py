"""Annotations of one format written as another."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from heatproof.data.annotations.consensus import Rule, consensus
from heatproof.data.annotations.formats import Format, format_named, formats
from heatproof.data.annotations.holding import Losses, fitted
from heatproof.data.annotations.marks import Beside, Mark, MarkedFilm, Origin
from heatproof.data.annotations.shapes import Several
from heatproof.data.pseudonyms import Pseudonyms
from heatproof.errors import DataError
from heatproof.types import REFERENCE

_BY_ENDING = {".json": "coco", ".csv": "via", ".xml": "cvat"}


@dataclass(frozen=True)
class Converted:
    """What was done.

    Attributes:
        source: Spec of the format that was read.
        target: Spec of the format that was written.
        films: Number of films.
        marks: Number of marks that were written.
        places: Files or folders that were written.
        lost: What the target cannot hold, in words.
        strays: What marks nothing, with its place and the reason.
    """

    source: str
    target: str
    films: int
    marks: int
    places: tuple[Path, ...]
    lost: tuple[str, ...]
    strays: tuple[tuple[str, str], ...]


def convert(
    source: Path,
    target: Path,
    read_as: str | None = None,
    write_as: str | None = None,
    beside: Beside | None = None,
    rule: Rule | None = None,
    pseudonyms: Pseudonyms | None = None,
) -> Converted:
    """Write the annotations of one file as another.

    Args:
        source: A file or folder.
        target: What is written: a file, or a folder where the format has a file per film.
        read_as: Spec of the format of the source; found out unless told.
        write_as: Spec of the format of the target; by its ending unless told.
        beside: What is known beside the file: films, what is marked, who drew it.
        rule: Makes one reader of several.
        pseudonyms: Pseudonyms in place of the names of films, as the source has them, and of
            whatever the target takes over from a film; None where names stay.

    Raises:
        DataError: The source cannot be read, or the target lacks what it needs; nothing is written.
    """
    reads = format_named(read_as, source)
    writes = formats.parse(write_as or _by_ending(target))
    if target.exists():
        raise DataError(f"{target} is there already; name another, or remove it")
    known = beside or Beside()
    found = reads.read(source, known)
    films = [_known(film, known, pseudonyms) for film in found.films]
    if rule is not None:
        films = [agreed(film, rule) for film in films]
    losses = Losses()
    written, marks = _written(films, target, writes, losses)
    return Converted(
        formats.spec(reads),
        formats.spec(writes),
        len(films),
        marks,
        written,
        losses.told(),
        found.strays,
    )


def _known(film: MarkedFilm, beside: Beside, pseudonyms: Pseudonyms | None) -> MarkedFilm:
    """The film with what is known of it beside the file, and under the name that it may have."""
    path = beside.images.get(beside.name(film.name))
    return replace(
        film,
        name=film.name if pseudonyms is None else pseudonyms.of("film", film.name),
        size=film.size or beside.size(film.name),
        origin=None if path is None else Origin(path, pseudonyms),
    )


def agreed(film: MarkedFilm, rule: Rule) -> MarkedFilm:
    """The film with one mark for each finding: what its readers agree on."""
    return replace(film, marks=tuple(agreements(film, rule)), readers=(REFERENCE,))


def agreements(film: MarkedFilm, rule: Rule) -> list[Mark]:
    """What the readers of a film agree on, by finding; nothing where that is no pixel."""
    marks = []
    for finding in dict.fromkeys(mark.finding for mark in film.marks):
        shapes = [
            Several(
                tuple(m.shape for m in film.marks if (m.finding, m.reader) == (finding, reader))
            )
            for reader in dict.fromkeys(m.reader for m in film.marks if m.finding == finding)
        ]
        shape = consensus(shapes, len(film.readers), rule, film.size)
        if shape is not None:
            marks.append(Mark(finding, shape))
    return marks


def _by_ending(target: Path) -> str:
    name = _BY_ENDING.get(target.suffix.lower())
    if name is None:
        raise DataError(
            f"{target}: which format? Say --to NAME, one of {', '.join(formats.names())}"
        )
    return name


def _written(
    films: Sequence[MarkedFilm], target: Path, writes: Format, losses: Losses
) -> tuple[tuple[Path, ...], int]:
    """Where films were written, and how many marks; a target without readers has a file of each."""
    readers = dict.fromkeys(mark.reader for film in films for mark in film.marks)
    if writes.holds.readers or len(readers) <= 1:
        parts = {target: films}
    else:
        parts = {_of_reader(target, reader): _by(reader, films) for reader in readers}
        if len(parts) < len(readers):
            raise DataError(f"readers {', '.join(readers)}: names that make the same file")
    # All are brought into shape before the first is written.
    shaped = {place: fitted(part, writes.holds, losses) for place, part in parts.items()}
    for place, part in shaped.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        writes.write(part, place)
    return tuple(shaped), sum(len(film.marks) for part in shaped.values() for film in part)


def _of_reader(target: Path, reader: str) -> Path:
    name = re.sub(r"[^\w.-]", "_", reader)
    return target.with_name(f"{target.stem}-{name}{target.suffix}")


def _by(reader: str, films: Sequence[MarkedFilm]) -> list[MarkedFilm]:
    """The films that a reader looked at, with this reader's marks."""
    return [
        replace(film, marks=tuple(m for m in film.marks if m.reader == reader), readers=(reader,))
        for film in films
        if reader in film.readers
    ]
