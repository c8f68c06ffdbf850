"""Annotations: what a reader drew, and the pixels inside it.

Coordinates are pixels of the radiograph, ``(x, y)`` from its top left corner; the pixel in column i
covers ``i <= x < i + 1`` and has its centre at ``i + 0.5``.

=========  ==================================================================
shape      inside
=========  ==================================================================
Polygons   each contour filled *with its outline* by Pillow at unrounded
           coordinates, contours OR together: what CheXlocalize's authors do
           (spec: annotation_to_segmentation), so masks agree to the pixel
Boxes      half-open: pixels whose centre is in ``x0 <= x < x1, y0 <= y < y1``,
           so boxes that share an edge share no pixel
RLE        COCO's compressed run lengths (column-major), decoded as pycocotools does
MaskFile   pixels of an image file that are not zero
Points     the pixel that holds the point
Several    whatever any of its shapes holds
=========  ==================================================================

Shapes may overhang by one pixel (tools round differently) and are clipped; further out is an
AnnotationError that guesses the mistake.  A shape can be empty: a box between two pixel centres.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool
from PIL import Image, ImageDraw
from pycocotools import mask as coco

from heatproof.data.run_lengths import lengths_of, raster
from heatproof.errors import AnnotationError
from heatproof.types import Shape

Mask = Bool[np.ndarray, "h w"]
Number = float | int
Point = tuple[Number, Number]
Box = tuple[Number, Number, Number, Number]
_OVERHANG = 1.0  # pixels


@dataclass(frozen=True)
class Polygons:
    """Filled contours.

    Attributes:
        contours: Each a sequence of ``(x, y)``, not closed.
        size: Height and width of the image they were drawn on, where known.
        count: How many things they outline, where not one each.
    """

    contours: tuple[tuple[Point, ...], ...] = field(repr=False)
    size: tuple[int, int] | None = None
    count: int | None = None

    @property
    def instances(self) -> int:
        """One per contour, unless ``count`` is given."""
        return len(self.contours) if self.count is None else self.count

    def fit(self, height: int, width: int) -> None:
        """Raises AnnotationError when the contours cannot be of an image of that size."""
        _same_size("polygons were drawn on", self.size, (height, width))
        for contour in self.contours:
            if len(contour) < 2:  # noqa: PLR2004 - two points are a line, which has an outline
                raise AnnotationError(f"a contour of {len(contour)} point, expected at least two")
            _inside("polygon", contour, height, width)

    def mask(self, height: int, width: int) -> Mask:
        """The pixels inside or on any contour."""
        self.fit(height, width)
        canvas = Image.new("1", (width, height))
        draw = ImageDraw.Draw(canvas)
        for contour in self.contours:
            draw.polygon(contour, fill=1, outline=1)
        return np.array(canvas)


@dataclass(frozen=True)
class Boxes:
    """Upright boxes ``(x0, y0, x1, y1)``, half-open.

    Attributes:
        boxes: Corners of each box.
        frame: Height and width of the image they were drawn on, where it is another resolution of
            this one: boxes are then scaled to the size asked for.
    """

    boxes: tuple[Box, ...]
    frame: tuple[int, int] | None = None

    @property
    def instances(self) -> int:
        """One per box."""
        return len(self.boxes)

    def fit(self, height: int, width: int) -> None:
        """Raises AnnotationError when a box cannot be of an image of that size."""
        height, width = self.frame or (height, width)
        for x0, y0, x1, y1 in self.boxes:
            if x1 <= x0 or y1 <= y0:
                raise AnnotationError(
                    f"box {(x0, y0, x1, y1)} ends before it starts; expected (x0, y0, x1, y1),"
                    " was it written as (x, y, width, height)?"
                )
            _inside("box", ((x0, y0), (x1, y1)), height, width)

    def mask(self, height: int, width: int) -> Mask:
        """The pixels whose centre is in any box."""
        self.fit(height, width)
        frame_height, frame_width = self.frame or (height, width)
        mask = np.zeros((height, width), bool)
        for box in self.boxes:
            x0, y0, x1, y1 = np.array(box) * np.tile(
                [width / frame_width, height / frame_height], 2
            )
            rows, columns = _centres(y0, y1), _centres(x0, x1)
            mask[rows, columns] = True
        return mask


@dataclass(frozen=True)
class RLE:
    """A mask as COCO's compressed run lengths.

    Attributes:
        size: Height and width.
        counts: The run lengths, in COCO's text form.
        count: How many things were drawn; run lengths cannot tell, so one where there is anything.
    """

    size: tuple[int, int]
    counts: str = field(repr=False)
    count: int | None = None

    @property
    def instances(self) -> int:
        """``count`` where it is given; otherwise 1, or 0 for an empty mask.

        Run lengths that are none are something: what, is asked where the mask is needed.
        """
        if self.count is not None:
            return self.count
        try:
            return int(self.area > 0)
        except AnnotationError:
            return 1

    @property
    def area(self) -> int:
        """Pixels inside; raises AnnotationError where the run lengths are none."""
        # Runs alternate and begin with an unmarked one, so every second run is marked.
        return int(lengths_of(self.counts)[1::2].sum())

    def fit(self, height: int, width: int) -> None:
        """Raises AnnotationError when the mask is of another size."""
        _same_size("run lengths are of", self.size, (height, width))

    def mask(self, height: int, width: int) -> Mask:
        """The decoded mask."""
        self.fit(height, width)
        return raster(lengths_of(self.counts), self.size)


@dataclass(frozen=True)
class MaskFile:
    """A mask in an image file, read when it is needed: zero is outside, the other value inside.

    A raster cannot tell how many things were drawn, so it counts as one.
    """

    path: Path

    @property
    def instances(self) -> int:
        """One: a file cannot tell how many things were drawn."""
        return 1

    def fit(self, height: int, width: int) -> None:
        """Raises AnnotationError when the file is missing, damaged or of another size."""
        with self._opened() as image:
            _same_size(f"{self.path} is", (image.height, image.width), (height, width))

    def mask(self, height: int, width: int) -> Mask:
        """The pixels that are not zero."""
        self.fit(height, width)
        with self._opened() as image:
            # Pillow clips to 255 when it converts to L, which would merge larger values.
            values = np.asarray(image if image.mode.startswith("I") else image.convert("L"))
        levels = np.unique(values)
        if (levels > 0).sum() > 1:
            raise AnnotationError(
                f"{self.path}: {len(levels)} different values, expected two; is it a label map,"
                " or was it saved as JPEG or smoothed?"
            )
        return values > 0

    @contextmanager
    def _opened(self) -> Iterator[Image.Image]:
        try:
            with Image.open(self.path) as image:
                yield image
        except FileNotFoundError as error:
            raise AnnotationError(f"{self.path}: there is no such mask") from error
        except (OSError, SyntaxError) as error:
            raise AnnotationError(
                f"{self.path}: cannot be decoded as an image ({error})"
            ) from error


@dataclass(frozen=True)
class Points:
    """Single points ``(x, y)``, such as the most representative one of a finding."""

    points: tuple[Point, ...]

    @property
    def instances(self) -> int:
        """One per point."""
        return len(self.points)

    def fit(self, height: int, width: int) -> None:
        """Raises AnnotationError when a point is outside."""
        _inside("point", self.points, height, width)

    def pixels(self, height: int, width: int) -> tuple[tuple[int, int], ...]:
        """Row and column of the pixel that holds each point."""
        self.fit(height, width)
        return tuple(
            # A point may overhang by a pixel, as all shapes may, and is clipped to the border.
            (min(max(int(y), 0), height - 1), min(max(int(x), 0), width - 1))
            for x, y in self.points
        )

    def mask(self, height: int, width: int) -> Mask:
        """The pixels that hold a point."""
        mask = np.zeros((height, width), bool)
        for row, column in self.pixels(height, width):
            mask[row, column] = True
        return mask


@dataclass(frozen=True)
class Several:
    """Shapes of any kind that mark one finding together."""

    shapes: tuple[Shape, ...]

    @property
    def instances(self) -> int:
        """How many things all shapes mark together."""
        return sum(shape.instances for shape in self.shapes)

    def fit(self, height: int, width: int) -> None:
        """Raises AnnotationError when a shape does not fit."""
        for shape in self.shapes:
            fit(shape, height, width)

    def mask(self, height: int, width: int) -> Mask:
        """The pixels in any shape."""
        mask = np.zeros((height, width), bool)
        for shape in self.shapes:
            mask |= shape.mask(height, width)
        return mask


def encode(mask: Mask, count: int | None = None) -> RLE:
    """The run lengths of a mask."""
    # pycocotools takes arrays that are stored column by column.
    coded = coco.encode(np.asfortranarray(mask, np.uint8))
    height, width = mask.shape
    return RLE((height, width), coded["counts"].decode("ascii"), count)


def fit(shape: Shape, height: int, width: int) -> None:
    """Raise AnnotationError when a shape cannot be of an image of that size, at little cost."""
    # A ``Shape`` need not have ``fit``; making its mask raises the same error at more cost.
    check = getattr(shape, "fit", shape.mask)
    check(height, width)


def lesions_of(shape: Shape, height: int, width: int) -> Iterator[Mask]:
    """The mask of each thing that was drawn, one at a time, without empty ones.

    Contours and boxes are one thing each.  A raster cannot tell, so each of its connected parts is
    one, unless the file it came from says how many it holds.
    """
    masks: Iterator[Mask]
    match shape:
        case Several(shapes):
            for inner in shapes:
                yield from lesions_of(inner, height, width)
            return
        case Boxes(boxes, frame):
            masks = (Boxes((box,), frame).mask(height, width) for box in boxes)
        case Polygons(contours, size, None):
            masks = (Polygons((contour,), size).mask(height, width) for contour in contours)
        case Polygons(_, _, 1) | RLE(_, _, 1):
            masks = iter([shape.mask(height, width)])
        case _:
            masks = connected_parts(shape.mask(height, width))
    yield from (mask for mask in masks if mask.any())


def connected_parts(mask: Mask) -> Iterator[Mask]:
    """Each part of a mask that touches no other, diagonals included, one at a time."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    for label in range(1, count):
        yield labels == label


def _centres(start: float, stop: float) -> slice:
    """The pixels whose centre c has ``start <= c < stop``."""
    return slice(max(int(np.ceil(start - 0.5)), 0), max(int(np.ceil(stop - 0.5)), 0))


def _same_size(what: str, found: tuple[int, int] | None, expected: tuple[int, int]) -> None:
    if found is not None and found != expected:
        turned = "; were height and width swapped?" if found == expected[::-1] else ""
        raise AnnotationError(
            f"{what} {found[0]} x {found[1]} (height x width), the image is"
            f" {expected[0]} x {expected[1]}{turned or '; was one of them resized?'}"
        )


def _inside(what: str, points: Sequence[Point], height: int, width: int) -> None:
    if not points:
        return
    xy = np.asarray(points, float)
    left, top = xy.min(axis=0)
    right, bottom = xy.max(axis=0)
    # Comparisons with nan are false, so an undefined coordinate is outside as well.
    fits = (
        min(left, top) >= -_OVERHANG and right <= width + _OVERHANG and bottom <= height + _OVERHANG
    )
    # A shape within the first pixel is refused: its coordinates were likely divided by the size.
    if fits and not (right <= 1 and bottom <= 1 and min(height, width) > 2 and right > left):  # noqa: PLR2004
        return
    raise AnnotationError(
        f"{what} spans x {left:g} to {right:g} and y {top:g} to {bottom:g}, the image is"
        f" {width} wide and {height} high; {_guess(xy, height, width)}"
    )


def _guess(xy: np.ndarray, height: int, width: int) -> str:
    right, bottom = xy.max(axis=0)
    if not np.isfinite(xy).all():
        return "a coordinate is missing"
    if right <= 1 and bottom <= 1:
        return "were the coordinates divided by width and height?"
    if xy.min() < -_OVERHANG:
        return "was it drawn on a cropped image?"
    if bottom <= width + _OVERHANG and right <= height + _OVERHANG:
        return "were x and y swapped?"
    return "was it drawn on another resolution of this image?"
