"""CheXlocalize's JSON: ``gt_annotations_*.json`` and ``gt_segmentations_*.json``.

Annotations are contours by film and finding, through the outermost pixels, filled with their
outline (``Polygons``): ``{id: {"img_size": [h, w], finding: [[[x, y], ...], ...]}}``.
Segmentations are a mask of each film and finding as COCO's run lengths: ``{id: {finding: {"size":
[h, w], "counts": "..."}}}``; films and findings without a mark may be there, with an empty mask.

Source: https://github.com/rajpurkarlab/cheXlocalize.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from heatproof.data.annotations.formats import formats
from heatproof.data.annotations.holding import Holds
from heatproof.data.annotations.marks import (
    Beside,
    Mark,
    MarkedFilm,
    Markings,
    Reading,
    StrayError,
    json_of,
    points_of,
    size_of,
)
from heatproof.data.annotations.run_lengths import lengths_of, raster
from heatproof.data.annotations.shapes import RLE, Polygons, encode
from heatproof.data.tabular import read_json
from heatproof.errors import DataError
from heatproof.types import Shape

_SIZE = "img_size"


@formats.register("chexlocalize")
@dataclass(frozen=True)
class CheXlocalizeContours:
    """CheXlocalize's contours; masks are read, too, and written by ``chexlocalize_masks``."""

    holds: ClassVar[Holds] = Holds(
        frozenset({"polygons"}), sizes=True, needs_size=True, outlined=True
    )

    def recognizes(self, path: Path) -> bool:
        """By the size or the run lengths of the first film."""
        content = json_of(path)
        first = next(iter(content.values()), None) if isinstance(content, dict) else None
        if not isinstance(first, dict) or not first:
            return False
        return _SIZE in first or all(
            isinstance(drawn, dict) and drawn.keys() == {"size", "counts"}
            for drawn in first.values()
        )

    def read(self, path: Path, beside: Beside) -> Markings:
        """The contours or masks of each film."""
        content = read_json(path)
        if not isinstance(content, dict):
            raise DataError(f"{path} is no file of CheXlocalize: expected films by their id")
        reading = Reading(path, beside)
        for said, drawn in content.items():
            with reading.item(said):
                if not isinstance(drawn, dict):
                    raise DataError(f"found {drawn!r:.60}, expected findings")
                sides = drawn.get(_SIZE)
                size = size_of(*sides) if isinstance(sides, list) and len(sides) == 2 else None  # noqa: PLR2004
                film = reading.film(said, size, beside.reader)
                for finding, marks in drawn.items():
                    if finding != _SIZE:
                        with reading.item(f"{said}, {finding}"):
                            _add(marks, film, finding, reading)
        return reading.markings("Expected CheXlocalize's annotations or segmentations.")

    def write(self, films: Sequence[MarkedFilm], path: Path) -> None:
        """Contours by film and finding."""
        content: dict[str, Any] = {}
        for film in films:
            assert film.size is not None
            marks = content[_stem(film, content)] = {_SIZE: [*film.size]}
            for mark in film.marks:
                assert isinstance(mark.shape, Polygons)
                drawn = [[[float(x), float(y)] for x, y in c] for c in mark.shape.contours]
                marks.setdefault(mark.finding, []).extend(drawn)
        path.write_text(json.dumps(content), encoding="utf-8")


@formats.register("chexlocalize_masks")
@dataclass(frozen=True)
class CheXlocalizeMasks(CheXlocalizeContours):
    """CheXlocalize's masks; contours are read, too."""

    holds: ClassVar[Holds] = Holds(frozenset({"masks"}), things=False, sizes=True, needs_size=True)

    def recognizes(self, path: Path) -> bool:  # noqa: ARG002
        """Never: ``chexlocalize`` reads the same files."""
        return False

    def write(self, films: Sequence[MarkedFilm], path: Path) -> None:
        """One mask by film and finding."""
        content: dict[str, Any] = {}
        for film in films:
            assert film.size is not None
            marks = content[_stem(film, content)] = {}
            for finding in dict.fromkeys(mark.finding for mark in film.marks):
                shapes = [mark.shape for mark in film.marks if mark.finding == finding]
                mask = shapes[0].mask(*film.size)
                for shape in shapes[1:]:
                    mask = mask | shape.mask(*film.size)
                marks[finding] = {"size": [*film.size], "counts": encode(mask).counts}
        path.write_text(json.dumps(content), encoding="utf-8")


def _add(marks: Any, film: str, finding: str, reading: Reading) -> None:
    match marks:
        case {"size": [height, width], "counts": str(counts)}:
            size = size_of(height, width)
            if size is None:
                raise DataError("run lengths without a size")
            reading.film(film, size)
            if raster(lengths_of(counts), size).any():
                reading.add(film, Mark(finding, RLE(size, counts), reading.beside.reader))
        case list():
            size = reading.size(film)
            for contour in marks:
                points = points_of(contour, "a contour")
                if len(points) < 2:  # noqa: PLR2004 - a line has an outline
                    raise StrayError(f"a contour of {len(points)} points")
                shape: Shape = Polygons((points,), size)
                reading.add(film, Mark(finding, shape, reading.beside.reader))
        case _:
            raise DataError(f"found {marks!r:.60}, expected contours or run lengths")


def _stem(film: MarkedFilm, content: dict[str, Any]) -> str:
    stem = PurePosixPath(film.name).stem
    if stem in content:
        raise DataError(f"two films are called {stem!r}, which is their name in the target")
    return stem
