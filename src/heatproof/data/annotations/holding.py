"""What a format can hold, and marks brought into that: what is lost is told, never dropped.

=============  ================================================================================
shape          becomes the first of these that the target holds
=============  ================================================================================
box            box, polygon, mask
rotated box    rotated box, polygon, mask, upright box around it
polygon        polygon, mask, box around it
mask           mask, polygon along the edges of its pixels, box around it
points         points; left out where the target holds none
=============  ================================================================================

The pixels inside stay the same, but in a box around something else, and in a polygon of a mask with
holes where the target holds none: each is told.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from heatproof.data.annotations.contours import edges, parts, rims
from heatproof.data.annotations.marks import Mark, MarkedFilm, Size
from heatproof.data.annotations.shapes import (
    RLE,
    Boxes,
    Mask,
    Outline,
    Points,
    Polygons,
    RotatedBox,
    Several,
    encode,
)
from heatproof.errors import DataError
from heatproof.types import REFERENCE, Shape

Kind = Literal["boxes", "rotated boxes", "polygons", "masks", "points"]
KINDS: tuple[Kind, ...] = ("boxes", "rotated boxes", "polygons", "masks", "points")
_ORDER: dict[Kind, tuple[Kind, ...]] = {
    "boxes": ("boxes", "polygons", "masks"),
    "rotated boxes": ("rotated boxes", "polygons", "masks", "boxes"),
    "polygons": ("polygons", "masks", "boxes"),
    "masks": ("masks", "polygons", "boxes"),
    "points": ("points",),
}


@dataclass(frozen=True)
class Holds:
    """What a format can hold.

    Attributes:
        shapes: Kinds of shapes.
        parts: Whether one thing may have several contours.
        holes: Whether a polygon may have holes.
        things: Whether several things of one finding and film stay apart.
        readers: Whether it says who drew a mark.
        scores: Whether it says how sure a program was.
        sizes: Whether it says the size of a film; films whose size is not known can be written all
            the same.
        needs_size: Whether it can be written without the size of a film.
        lookers: Whether it says who looked at a film and drew nothing, where several readers did.
        empty: Whether it lists films on which nothing is marked.
        outlined: Whether its polygons go through the outermost pixels, which are inside.
        precision: What becomes of a coordinate, in words.
    """

    shapes: frozenset[Kind]
    parts: bool = False
    holes: bool = False
    things: bool = True
    readers: bool = False
    lookers: bool = False
    scores: bool = False
    sizes: bool = False
    needs_size: bool = False
    empty: bool = True
    outlined: bool = False
    precision: str = "as drawn"


@dataclass
class Losses:
    """What a target cannot hold, counted, with the first film of each."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def note(self, what: str, film: str) -> None:
        """Count one thing that is lost."""
        self.counts[what] += 1
        self.first.setdefault(what, film)

    def told(self) -> tuple[str, ...]:
        """Each in words, such as ``2 points: left out, ... (first on a.png)``."""
        return tuple(f"{n} {what} (first on {self.first[what]})" for what, n in self.counts.items())


def fitted(films: Sequence[MarkedFilm], holds: Holds, losses: Losses) -> tuple[MarkedFilm, ...]:
    """Films whose marks the format can hold.

    Args:
        films: As they were read.
        holds: What the format can hold.
        losses: Gets what is lost.

    Raises:
        DataError: The size of a film is needed and not known, or a mark does not fit its film.
    """
    kept = []
    for film in films:
        if film.size is None and holds.needs_size:
            raise DataError(_unknown(film.name))
        if not film.marks and not holds.empty:
            losses.note("films without a mark: left out, since the target lists none", film.name)
            continue
        marks: list[Mark] = []
        for mark in film.marks:
            marks += _marks(mark, film, holds, losses)
        if not holds.things:
            together = Counter((mark.finding, mark.reader) for mark in marks)
            for count in together.values():
                if count > 1:
                    losses.note("groups of things of one finding: joined into one mask", film.name)
        if not holds.readers and any(mark.reader != REFERENCE for mark in marks):
            losses.note("films: the target does not say who the reader is", film.name)
        idle = set(film.readers) - {mark.reader for mark in marks}
        if idle and len(film.readers) > 1 and not holds.lookers:
            losses.note("films: who looked and drew nothing is not told", film.name)
        kept.append(replace(film, marks=tuple(marks)))
    return tuple(kept)


def _marks(mark: Mark, film: MarkedFilm, holds: Holds, losses: Losses) -> Iterator[Mark]:
    if mark.score is not None and not holds.scores:
        losses.note("scores of a program: left out", film.name)
        mark = replace(mark, score=None)
    for simple in _simple(mark.shape, film):
        for shape in _fitted(simple, film, holds, losses):
            yield replace(mark, shape=shape)


def _simple(shape: Shape, film: MarkedFilm) -> Iterator[Shape]:
    """The single things that a shape is made of."""
    match shape:
        case Several(shapes):
            for inner in shapes:
                yield from _simple(inner, film)
        case Boxes(boxes, frame):
            scale = (1.0, 1.0)
            if frame is not None and frame != film.size:
                height, width = _size(film)
                scale = width / frame[1], height / frame[0]
            for x0, y0, x1, y1 in boxes:
                yield Boxes(((x0 * scale[0], y0 * scale[1], x1 * scale[0], y1 * scale[1]),))
        case Polygons(contours, size, None):
            for contour in contours:
                yield Polygons((contour,), size, 1)
        case Points(points):
            for one in points:
                yield Points((one,))
        case _:
            yield shape


def kind_of(shape: Shape) -> Kind:
    """What kind of shape it is."""
    match shape:
        case Boxes():
            return "boxes"
        case RotatedBox():
            return "rotated boxes"
        case Outline() | Polygons():
            return "polygons"
        case Points():
            return "points"
    return "masks"


def _fitted(shape: Shape, film: MarkedFilm, holds: Holds, losses: Losses) -> Iterator[Shape]:
    kind = kind_of(shape)
    target = next((kind for kind in _ORDER[kind] if kind in holds.shapes), None)
    if target is None:
        losses.note(f"{kind}: left out, since the target holds none", film.name)
        return
    if target != kind:
        inside = "; what is around them is then inside" if target == "boxes" else ""
        losses.note(f"{kind}: written as {target}{inside}", film.name)
    if target == "polygons":
        yield from _polygons(shape, film, holds, losses)
    elif target == "masks":
        mask = _mask(shape, film)
        if mask.any():
            yield shape if isinstance(shape, RLE) else encode(mask, 1)
        else:
            losses.note(f"{kind} without a pixel: left out", film.name)
    elif target == "boxes" and kind != "boxes":
        yield from _around(shape, film)
    else:
        yield shape


def _polygons(shape: Shape, film: MarkedFilm, holds: Holds, losses: Losses) -> Iterator[Shape]:
    match shape:
        case Boxes(((x0, y0, x1, y1),)) if not holds.outlined and _whole(x0, y0, x1, y1):
            yield Outline((((x0, y0), (x1, y0), (x1, y1), (x0, y1)),), film.size)
            return
        case RotatedBox() if not holds.outlined:
            yield replace(shape.outline, size=film.size)
            return
        case Polygons(contours) if holds.outlined and (holds.parts or len(contours) == 1):
            yield shape
            return
        case Outline(contours, _, holes) if not holds.outlined:
            if (holds.parts or len(contours) == 1) and (holds.holes or not holes):
                yield shape
                return
    yield from _traced(_mask(shape, film), film, holds, losses)


def _traced(mask: Mask, film: MarkedFilm, holds: Holds, losses: Losses) -> Iterator[Shape]:
    """A mask as polygons of the kind that the format fills."""
    if holds.outlined:
        contours = rims(mask)
        whole = Polygons(contours, film.size, 1)
        if contours and not np.array_equal(whole.mask(*mask.shape), mask):
            losses.note("masks with holes: the holes are then inside", film.name)
        if holds.parts or len(contours) <= 1:
            if contours:
                yield whole
            else:
                losses.note("marks without a pixel: left out", film.name)
            return
        losses.note("things of several parts: each part is a thing then", film.name)
        yield from (Polygons((contour,), film.size, 1) for contour in contours)
        return
    outer, holes = edges(mask)
    if holes and not holds.holes:
        losses.note("masks with holes: the holes are then inside", film.name)
        holes = ()
    if not outer:
        losses.note("marks without a pixel: left out", film.name)
        return
    together = Outline(outer, film.size, holes)
    island = bool(holes) and not np.array_equal(together.mask(*mask.shape), mask)
    if len(outer) == 1 or (holds.parts and not island):
        yield together
        return
    losses.note("things of several parts: each part is a thing then", film.name)
    for part in parts(mask):
        outer, holes = edges(part)
        yield Outline(outer, film.size, holes if holds.holes else ())


def _around(shape: Shape, film: MarkedFilm) -> Iterator[Shape]:
    """The upright box around what a shape holds."""
    match shape:
        case RotatedBox():
            xy = np.array(shape.outline.contours[0])
            (x0, y0), (x1, y1) = xy.min(axis=0), xy.max(axis=0)
        case Outline(contours):
            xy = np.array([point for contour in contours for point in contour])
            (x0, y0), (x1, y1) = xy.min(axis=0), xy.max(axis=0)
        case _:
            rows, columns = np.nonzero(_mask(shape, film))
            if not len(rows):
                return
            x0, y0, x1, y1 = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    yield Boxes(((float(x0), float(y0), float(x1), float(y1)),))


def _mask(shape: Shape, film: MarkedFilm) -> Mask:
    return shape.mask(*_size(film))


def _size(film: MarkedFilm) -> Size:
    if film.size is None:
        raise DataError(_unknown(film.name))
    return film.size


def _unknown(name: str) -> str:
    return f"film {name}: its size is needed and not known; name the folder of the films, --images"


def _whole(*numbers: float | int) -> bool:
    return all(float(number).is_integer() for number in numbers)
