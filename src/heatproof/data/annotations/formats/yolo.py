"""YOLO, as of Darknet and Ultralytics: a text file per film, and a list of names.

A line is ``class x y width height`` (centre and sides of a box), ``class x1 y1 x2 y2 ...`` (a
polygon of three points or more) or, of oriented boxes, the four corners; all as shares of the
sides of the film, and in files of predictions followed by a confidence.  The class is a place in
``classes.txt``, ``obj.names`` or the ``names`` of ``data.yaml``, in the folder or the one above.
An empty file is a film on which nothing is marked.

Neither sizes nor endings of films are told, so reading needs the films (``--images``).

Source: https://docs.ultralytics.com/datasets/detect/, .../segment/, .../obb/.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import atan2, degrees, hypot
from pathlib import Path
from typing import Any, ClassVar

import yaml

from heatproof.data.annotations.formats import formats
from heatproof.data.annotations.holding import Holds
from heatproof.data.annotations.marks import (
    Beside,
    Mark,
    MarkedFilm,
    Markings,
    Reading,
    Size,
    box,
    number,
    place_for,
    polygon,
)
from heatproof.data.annotations.shapes import Boxes, Outline, RotatedBox
from heatproof.data.tabular import read_lines
from heatproof.data.tabular.spellings import whole
from heatproof.errors import DataError
from heatproof.types import Shape

_LISTS = ("classes.txt", "obj.names", "data.yaml", "dataset.yaml")
_NO_FILMS = {"classes.txt", "train.txt", "val.txt", "test.txt"}
_BOX, _CORNERS = 4, 8  # numbers of a line


@formats.register("yolo")
@dataclass(frozen=True)
class Yolo:
    """YOLO's text files, all of a folder.

    Attributes:
        oriented: Whether lines of eight numbers are corners of turned boxes, and not polygons.
    """

    oriented: bool = False
    holds: ClassVar[Holds] = Holds(
        frozenset({"boxes", "polygons"}),
        needs_size=True,
        precision="shares of the sides, to 15 digits",
    )

    def recognizes(self, path: Path) -> bool:
        """By its list of names."""
        return path.is_dir() and _names_file(path) is not None and any(_files(path))

    def read(self, path: Path, beside: Beside) -> Markings:
        """The lines of every file."""
        names = _names(path)
        reading = Reading(path, beside)
        for file in _files(path):
            said = file.relative_to(path).with_suffix("").as_posix()
            with reading.item(file.name):
                film = reading.film(said, None, beside.reader)
                lines = read_lines(file)
                size = reading.size(film)
                for count, line in lines:
                    with reading.item(f"{file.name}, line {count}"):
                        finding, shape, score = self._line(line, names, size)
                        reading.add(film, Mark(finding, shape, beside.reader, score))
        return reading.markings("Expected YOLO's text files, one per film.")

    def _line(
        self, line: str, names: dict[int, str], size: Size
    ) -> tuple[str, Shape, float | None]:
        first, *rest = line.split()
        place = whole(first)
        if place not in names:
            raise DataError(f"class {first!r:.60} is not one of the {len(names)} names")
        shares = [number(text, "a share") for text in rest]
        # An odd number of shares is followed by how sure a program was.
        score = shares.pop() if len(shares) % 2 and len(shares) > _BOX else None
        if len(shares) < _BOX or len(shares) % 2:
            raise DataError(f"{len(rest)} numbers, expected 4 of a box, or pairs of a polygon")
        if max(shares) > 2 or min(shares) < -1:  # noqa: PLR2004 - shares, with some overhang
            raise DataError("numbers that are no shares of the sides; are they pixels?")
        height, width = size
        pixels = [
            round(share * (height if count % 2 else width), 9) for count, share in enumerate(shares)
        ]
        if len(pixels) == _BOX:
            x, y, w, h = pixels
            corners = x - w / 2, y - h / 2, x + w / 2, y + h / 2
            return names[place], box(*(round(corner, 9) for corner in corners)), score
        points = list(zip(pixels[::2], pixels[1::2], strict=True))
        if self.oriented and len(pixels) == _CORNERS:
            return names[place], _turned(points), score
        return names[place], polygon(points, size), score

    def write(self, films: Sequence[MarkedFilm], path: Path) -> None:
        """A file per film below a folder, and ``classes.txt``."""
        names = sorted({mark.finding for film in films for mark in film.marks})
        if lost := [name for name in names if "\n" in name]:
            raise DataError(f"finding {lost[0]!r}: expected a name of one line")
        path.mkdir(parents=True, exist_ok=True)
        (path / "classes.txt").write_text("".join(f"{name}\n" for name in names), "utf-8")
        for film in films:
            assert film.size is not None
            place = place_for(path, film.name, ".txt")
            if place.name in _NO_FILMS:
                raise DataError(f"film {film.name!r}: YOLO has another use for {place.name}")
            lines = (_written(mark, names, film.size) for mark in film.marks)
            place.write_text("".join(f"{line}\n" for line in lines), "utf-8")


def _files(path: Path) -> Iterator[Path]:
    return (file for file in sorted(path.rglob("*.txt")) if file.name not in _NO_FILMS)


def _names_file(path: Path) -> Path | None:
    places = [folder / name for folder in (path, path.parent) for name in _LISTS]
    return next((place for place in places if place.is_file()), None)


def _names(path: Path) -> dict[int, str]:
    """Findings by their number; raises DataError."""
    file = _names_file(path)
    if file is None:
        raise DataError(f"{path} has no list of names; expected {', '.join(_LISTS[:3])}")
    if file.suffix != ".yaml":
        return dict(enumerate(name for _, name in read_lines(file)))
    try:
        content: Any = yaml.safe_load(file.read_text("utf-8"))
    except (yaml.YAMLError, OSError, ValueError, RecursionError) as error:
        raise DataError(f"{file} is not YAML: {error}") from error
    names = content.get("names") if isinstance(content, dict) else None
    listed = dict(enumerate(names)) if isinstance(names, list) else names
    if not isinstance(listed, dict) or not all(
        isinstance(key, int) and isinstance(name, str) for key, name in listed.items()
    ):
        raise DataError(f"{file}: expected names, a list or names by number")
    return listed


def _turned(points: Sequence[tuple[float, float]]) -> RotatedBox:
    (x0, y0), (x1, y1), (x2, y2), _ = points
    across, down = hypot(x1 - x0, y1 - y0), hypot(x2 - x1, y2 - y1)
    turned = degrees(atan2(y1 - y0, x1 - x0))
    return RotatedBox((x0 + x2) / 2, (y0 + y2) / 2, across, down, turned)


def _written(mark: Mark, names: Sequence[str], size: Size) -> str:
    height, width = size
    match mark.shape:
        case Boxes(((x0, y0, x1, y1),)):
            shares = [(x0 + x1) / 2 / width, (y0 + y1) / 2 / height]
            shares += [(x1 - x0) / width, (y1 - y0) / height]
        case Outline((contour,)):
            shares = [share for x, y in contour for share in (x / width, y / height)]
        case _:
            raise TypeError(mark.shape)
    return " ".join([str(names.index(mark.finding)), *(f"{share:.15g}" for share in shares)])
