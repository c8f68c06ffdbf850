"""Files of annotations, joined to the films of a table: one file, or one of each reader."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from heatproof.data.annotations.consensus import Rule
from heatproof.data.annotations.convert import agreements
from heatproof.data.annotations.formats import format_named
from heatproof.data.annotations.marks import Beside, Mark, MarkedFilm
from heatproof.data.annotations.rescaled import Rescaled
from heatproof.data.annotations.shapes import Boxes, Several
from heatproof.errors import DataError, Gathered, near_misses
from heatproof.types import REFERENCE, Annotation, Shape

Consensus = Literal["majority", "union", "intersection", "none"]


@dataclass(frozen=True)
class Joined:
    """What readers marked on the films of a table.

    Attributes:
        annotations: By the name of the film in the table, one per finding and reader.
        strays: What marks nothing, with its place and the reason.
        findings: What is marked, in alphabetical order.
    """

    annotations: Mapping[str, tuple[Annotation, ...]]
    strays: tuple[tuple[str, str], ...]
    findings: tuple[str, ...]


@dataclass(frozen=True)
class Files:
    """The files of annotations of a table.

    Attributes:
        paths: By reader; one file, whose readers are those that it names, under ``REFERENCE``.
        format: Spec of their format; found out unless told.
        finding: What is marked, where the files do not say.
        consensus: Which pixels are the reference of several readers.
        readers: Whether the marks of each reader are kept beside the reference.
        frame: Height and width of the films that were drawn on, where they are not those of the
            files of films.
    """

    paths: Mapping[str, Path]
    format: str | None = None
    finding: str | None = None
    consensus: Consensus = "none"
    readers: bool = True
    frame: tuple[int, int] | None = None


def joined(files: Files, images: Mapping[str, Path]) -> Joined:
    """What the files hold of the films of a table.

    Args:
        files: The files.
        images: The file of each film, by its name in the table.

    Raises:
        DataError: A file cannot be read, or none of its films is in the table; ``Several`` of more.
    """
    gathered = Gathered()
    films: dict[str, MarkedFilm] = {}
    strays: list[tuple[str, str]] = []
    for reader, path in files.paths.items():
        with gathered.each():
            found = format_named(files.format, path).read(
                path, Beside(images, files.finding, reader)
            )
            strays += found.strays
            _check_names(path, found.films, images)
            for film in found.films:
                films[film.name] = _together(films.get(film.name), _named(film, reader, files))
    gathered.tell()
    marks = {name: tuple(_annotations(film, files)) for name, film in films.items()}
    named = sorted({mark.finding for of_film in marks.values() for mark in of_film})
    return Joined(marks, tuple(strays), tuple(named))


def _check_names(path: Path, films: Sequence[MarkedFilm], images: Mapping[str, Path]) -> None:
    """Every film that is marked is one of the table."""
    drawn = [film.name for film in films if film.marks]
    if not drawn:
        raise DataError(f"{path} annotates nothing; leave it out where nothing is marked")
    lost = [name for name in drawn if name not in images]
    if len(lost) == len(drawn):
        raise DataError(
            f"no film of {path} is in the table: it has {lost[0]!r}, where the table has"
            f" {next(iter(images), '')!r}"
        )
    if lost:
        raise DataError(
            f"{len(lost)} of {len(drawn)} annotated films of {path} are not in the table, or two"
            f" rows end in that name, such as {lost[0]!r}; {near_misses(lost[0], images)}"
        )


def _named(film: MarkedFilm, reader: str, files: Files) -> MarkedFilm:
    """The film with the reader whose file it is, where each reader has one."""
    if len(files.paths) == 1:
        return film
    marks = tuple(replace(mark, reader=reader) for mark in film.marks)
    return replace(film, marks=marks, readers=(reader,))


def _together(one: MarkedFilm | None, other: MarkedFilm) -> MarkedFilm:
    if one is None:
        return other
    readers = tuple(dict.fromkeys((*one.readers, *other.readers)))
    return replace(one, marks=(*one.marks, *other.marks), readers=readers)


def _annotations(film: MarkedFilm, files: Files) -> Sequence[Annotation]:
    """One annotation per finding and reader, the reference first."""
    kept = list(film.marks)
    if files.consensus != "none" and {*film.readers} != {REFERENCE}:
        rule: Rule = files.consensus
        kept = [*agreements(film, rule), *(kept if files.readers else [])]
    shapes: dict[tuple[str, str], list[Shape]] = {}
    for mark in kept:
        shapes.setdefault((mark.finding, mark.reader), []).append(_in_frame(mark, film, files))
    return [
        Annotation(finding, reader, drawn[0] if len(drawn) == 1 else Several(tuple(drawn)))
        for (finding, reader), drawn in shapes.items()
    ]


def _in_frame(mark: Mark, film: MarkedFilm, files: Files) -> Shape:
    """The shape, with the size that it was drawn at where that is not the film's."""
    match mark.shape:
        case Boxes(boxes, None) if frame := files.frame or film.size:
            return Boxes(boxes, frame)
        case shape if files.frame is not None:
            return Rescaled(shape, files.frame)
        case shape:
            return shape
