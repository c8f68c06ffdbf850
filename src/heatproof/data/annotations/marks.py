"""What a file of annotations holds: films, and the marks on them.

Every format reads into these records and writes from them, so that each knows no other.  A *mark*
is one thing that one reader drew.  A *stray* is an item that marks nothing, such as a click; it is
left out and told of.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import cos, isfinite, pi, sin
from pathlib import Path, PurePosixPath
from typing import Any

from heatproof.data.annotations.shapes import Boxes, Outline, Point, Points
from heatproof.data.pixels import ImageFile
from heatproof.data.pseudonyms import Pseudonyms
from heatproof.data.tabular import read_json
from heatproof.data.tabular.problems import Problems
from heatproof.data.tabular.spellings import whole
from heatproof.errors import DataError
from heatproof.types import REFERENCE, Shape

Number = float | int  # at run time, a float is not any number
Size = tuple[int, int]
_FEWEST = 3  # points that enclose anything


@dataclass(frozen=True)
class Mark:
    """One thing that one reader drew.

    Attributes:
        finding: What it is.
        shape: Where it is, in pixels of the film.
        reader: Who drew it.
        score: How sure a program was that drew it; None of a person.
    """

    finding: str
    shape: Shape
    reader: str = REFERENCE
    score: float | None = None


@dataclass(frozen=True)
class Origin:
    """The film itself, for what refers to it.

    Attributes:
        path: Its file.
        pseudonyms: Pseudonyms under which it may be referred to; None where identifiers stay.
    """

    path: Path
    pseudonyms: Pseudonyms | None = None


@dataclass(frozen=True)
class MarkedFilm:
    """The marks of one film.

    Attributes:
        name: As the file has it: a path, or an identifier.
        size: Height and width, where the file tells them.
        marks: In the order of the file.
        readers: Who looked at the film, also those who drew nothing.
        origin: The film itself, where it is known.
    """

    name: str
    size: Size | None = None
    marks: tuple[Mark, ...] = ()
    readers: tuple[str, ...] = ()
    origin: Origin | None = None


@dataclass(frozen=True)
class Markings:
    """What a file holds.

    Attributes:
        films: In the order of the file, each once.
        strays: What was left out, each with its film, or its place in the file, and the reason.
    """

    films: tuple[MarkedFilm, ...]
    strays: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Beside:
    """What is known beside the file.

    Attributes:
        images: Files of films by name; some formats hold neither size nor ending.
        finding: What is marked, where the file does not say.
        reader: Who drew the marks, where the file does not say.
    """

    images: Mapping[str, Path] = field(default_factory=dict)
    finding: str | None = None
    reader: str = REFERENCE

    @classmethod
    def folder(cls, folder: Path, finding: str | None = None, reader: str = REFERENCE) -> "Beside":
        """With every file below a folder, by its path from there."""
        files = {
            path.relative_to(folder).as_posix(): path
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.startswith(".")
        }
        if not files:
            raise DataError(f"{folder}: no such folder of films, or an empty one")
        return cls(files, finding, reader)

    def name(self, said: str) -> str:
        """The name of the film that is meant by a path, the last part of one, or a stem."""
        if said in self.images:
            return said
        for names in self._shortened:
            if len(found := names.get(PurePosixPath(said).name, [])) == 1:
                return found[0]
        return said

    def size(self, said: str) -> Size | None:
        """Height and width of a film, from its header; None where there is no file of it."""
        path = self.images.get(self.name(said))
        return None if path is None else ImageFile(path).size()

    @cached_property
    def _shortened(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """Names by their last part, and by their stem."""
        last: dict[str, list[str]] = {}
        stem: dict[str, list[str]] = {}
        for name in self.images:
            last.setdefault(PurePosixPath(name).name, []).append(name)
            stem.setdefault(PurePosixPath(name).stem, []).append(name)
        return last, stem


class StrayError(DataError):
    """An item that marks nothing."""


class Reading:
    """Gathers what a file holds, with all its problems.

    Args:
        path: The file.
        beside: What is known beside it.
    """

    def __init__(self, path: Path, beside: Beside) -> None:
        self.path = path
        self.beside = beside
        self.problems = Problems()
        self._films: dict[str, MarkedFilm] = {}
        self._strays: list[tuple[str, str]] = []

    def film(self, said: object, size: Size | None = None, *readers: str) -> str:
        """The name of a film that is listed, with its size and who looked at it."""
        if not isinstance(said, str | int) or isinstance(said, bool) or not str(said).strip():
            raise DataError(f"{self.path}: found {said!r:.60}, expected the name of a film")
        name = self.beside.name(file_name(said))
        film = self._films.setdefault(name, MarkedFilm(name, size))
        if size and film.size and size != film.size:
            raise DataError(f"{self.path}, {name}: two sizes, {film.size} and {size}")
        looked = tuple(dict.fromkeys((*film.readers, *readers)))
        self._films[name] = replace(film, size=film.size or size, readers=looked)
        return name

    def size(self, name: str) -> Size:
        """The size of a film that is listed; raises DataError where it is not known."""
        size = self._films[name].size or self.beside.size(name)
        if size is None:
            raise DataError(
                f"{self.path}, {name}: its size is not known; name the folder of the films,"
                " --images FOLDER"
            )
        self.film(name, size)
        return size

    def add(self, name: str, mark: Mark) -> None:
        """Keep a mark of a film that is listed."""
        film = self._films[name]
        self._films[name] = replace(film, marks=(*film.marks, mark))
        self.film(name, None, mark.reader)

    @contextmanager
    def item(self, place: str) -> Iterator[None]:
        """One item of the file: a stray and a problem each end it, and are kept.

        Args:
            place: Where it stands in the file, for messages.
        """
        try:
            yield
        except StrayError as error:
            self._strays.append((place, str(error)))
        except DataError as error:
            told = str(error)
            self.problems.note(told if str(self.path) in told else f"{self.path}, {place}: {told}")

    def markings(self, cure: str = "") -> Markings:
        """What the file holds; raises DataError with all problems."""
        self.problems.refuse(self.path, cure)
        return Markings(tuple(self._films.values()), tuple(self._strays))

    def finding(self, said: object) -> str:
        """What is marked: as the file says, or else as the user does."""
        return finding(said, self.beside, self.path)


def finding(said: object, beside: Beside, path: Path) -> str:
    """What is marked; raises DataError where neither the file nor the user says it."""
    if isinstance(said, str | int) and not isinstance(said, bool) and str(said).strip():
        return str(said).strip()
    if beside.finding is not None:
        return beside.finding
    raise DataError(
        f"{path} does not say what is marked (found {said!r:.60}); name it: --finding NAME, or"
        ' finding = "NAME" of a manifest'
    )


def file_name(value: object) -> str:
    """The name of a file as tables write it, with slashes and without ``./`` before it."""
    return str(value).strip().replace("\\", "/").removeprefix("./")


def place_for(folder: Path, name: str, suffix: str) -> Path:
    """The file for a film below a folder, with another ending; raises DataError.

    A name that leads out of the folder is refused: it comes from a file that others wrote.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.name or "\0" in name:
        raise DataError(f"film {name!r}: expected a name without .. that does not begin with /")
    place = folder / path.with_suffix("")
    place.parent.mkdir(parents=True, exist_ok=True)
    return place.with_name(place.name + suffix)


def number(value: object, what: str) -> float:
    """A finite number; raises DataError."""
    try:
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            found = float(value)
            if isfinite(found):
                return found
    except (ValueError, OverflowError):
        pass
    raise DataError(f"{what} is {value!r:.60}, expected a number")


def size_of(height: object, width: object) -> Size | None:
    """Height and width in pixels; None where neither is given; raises DataError."""
    if height in (None, "", 0) and width in (None, "", 0):
        return None
    sides = whole(height), whole(width)
    if sides[0] and sides[1] and min(sides[0], sides[1]) > 0 and max(sides[0], sides[1]) < 1 << 16:
        return sides[0], sides[1]
    raise DataError(f"height {height!r:.60} and width {width!r:.60}, expected pixels")


def points_of(value: Any, what: str = "points") -> tuple[Point, ...]:
    """Points ``[[x, y], ...]``; raises DataError."""
    if not isinstance(value, list | tuple):
        raise DataError(f"{what}: found {value!r:.60}, expected [[x, y], ...]")
    points = []
    for pair in value:
        if not isinstance(pair, list | tuple) or len(pair) != 2:  # noqa: PLR2004
            raise DataError(f"{what}: found {pair!r:.60}, expected [x, y]")
        points.append((number(pair[0], "x"), number(pair[1], "y")))
    return tuple(points)


def polygon(points: Iterable[Point], size: Size | None = None) -> Outline:
    """A contour that encloses something; raises StrayError where it does not."""
    contour = tuple(points)
    if len(set(contour)) < _FEWEST:
        raise StrayError(f"a contour of {len(set(contour))} points, which encloses nothing")
    if contour[0] == contour[-1]:
        contour = contour[:-1]
    return Outline((contour,), size)


def box(x0: Number, y0: Number, x1: Number, y1: Number) -> Boxes:
    """A box by two corners, whichever is drawn first; raises StrayError for one without an area."""
    (x0, x1), (y0, y1) = sorted((x0, x1)), sorted((y0, y1))
    if x1 <= x0 or y1 <= y0:
        raise StrayError(f"a box from {x0:g}, {y0:g} to {x1:g}, {y1:g}, which has no area")
    return Boxes(((x0, y0, x1, y1),))


_ROUND = 72  # points of a circle or an ellipse


def ellipse(x: float, y: float, across: float, down: float, turned: float = 0) -> Outline:
    """An ellipse as a polygon of 72 points; raises StrayError for one without an area.

    Args:
        x: Column of the centre.
        y: Row of the centre.
        across: Half of the axis that is level before it is turned.
        down: Half of the other.
        turned: By how many radians it is turned, clockwise as one sees it.
    """
    if min(across, down) <= 0:
        raise StrayError(f"an ellipse of half axes {across:g} and {down:g}, which has no area")
    points = []
    for step in range(_ROUND):
        dx, dy = across * cos(2 * pi * step / _ROUND), down * sin(2 * pi * step / _ROUND)
        points.append(
            (x + dx * cos(turned) - dy * sin(turned), y + dx * sin(turned) + dy * cos(turned))
        )
    return polygon(points)


def json_of(path: Path) -> Any:
    """The content of a file that may be JSON; None where it is none."""
    try:
        return read_json(path) if path.suffix.lower() == ".json" else None
    except DataError:
        return None


def point(x: Number, y: Number) -> Points:
    """A single point."""
    return Points(((x, y),))
