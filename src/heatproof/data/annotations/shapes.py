"""Annotations: what a reader drew, and the pixels inside it.

Coordinates are pixels of the radiograph, ``(x, y)`` from its top left corner; the pixel in column i
covers ``i <= x < i + 1`` and has its centre at ``i + 0.5``.

========== ==================================================================
shape      inside
========== ==================================================================
Polygons   each contour filled *with its outline* by Pillow at unrounded
           coordinates, contours OR together: what CheXlocalize's authors do
           (spec: annotation_to_segmentation), so masks agree to the pixel
Outline    contours of one thing as COCO's own tools fill them: half-open,
           so the outline of a box holds as many pixels as the box;
           what lies in a hole is not inside
RotatedBox its corners, filled as an Outline is
Boxes      half-open: pixels whose centre is in ``x0 <= x < x1, y0 <= y < y1``,
           so boxes that share an edge share no pixel
RLE        COCO's compressed run lengths (column-major), decoded as pycocotools does
MaskFile   pixels of an image file that are not background (``mask_files``)
Points     the pixel that holds the point
Several    whatever any of its shapes holds
========== ==================================================================

Shapes may overhang by one pixel (tools round differently) and are clipped; further out is an
AnnotationError that guesses the mistake.  A shape can be empty: a box between two pixel centres.
"""

from dataclasses import dataclass, field
from math import cos, radians, sin
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from PIL import Image, ImageDraw
from pycocotools import mask as coco

from heatproof.data.annotations import mask_files
from heatproof.data.annotations.fitting import inside, same_size, same_way_up
from heatproof.data.annotations.run_lengths import lengths_of, raster
from heatproof.errors import AnnotationError
from heatproof.types import Shape

Mask = Bool[np.ndarray, "h w"]
Number = float | int
Point = tuple[Number, Number]
Box = tuple[Number, Number, Number, Number]
_FRAME = " Say masks_frame = [{}, {}] if it is another resolution of the image"


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
        same_size("polygons were drawn on", self.size, (height, width))
        for contour in self.contours:
            if len(contour) < 2:  # noqa: PLR2004 - two points are a line, which has an outline
                raise AnnotationError(f"a contour of {len(contour)} point, expected at least two")
            inside("polygon", contour, height, width)

    def mask(self, height: int, width: int) -> Mask:
        """The pixels inside or on any contour."""
        self.fit(height, width)
        canvas = Image.new("1", (width, height))
        draw = ImageDraw.Draw(canvas)
        for contour in self.contours:
            draw.polygon(contour, fill=1, outline=1)
        return np.array(canvas)


@dataclass(frozen=True)
class Outline:
    """One thing, outlined by one or more contours that are filled by COCO's rules.

    Attributes:
        contours: Each at least three ``(x, y)``, not closed.
        size: Height and width of the image they were drawn on, where known.
        holes: Contours of what is not inside.
    """

    contours: tuple[tuple[Point, ...], ...] = field(repr=False)
    size: tuple[int, int] | None = None
    holes: tuple[tuple[Point, ...], ...] = field(default=(), repr=False)

    @property
    def instances(self) -> int:
        """One."""
        return 1

    def fit(self, height: int, width: int) -> None:
        """Raises AnnotationError when the contours cannot be of an image of that size."""
        same_size("outlines were drawn on", self.size, (height, width), _cure(self.size))
        for contour in (*self.contours, *self.holes):
            inside("outline", contour, height, width)

    def mask(self, height: int, width: int) -> Mask:
        """The pixels that pycocotools finds inside any contour, and in no hole."""
        self.fit(height, width)
        mask = _filled(self.contours, height, width)
        return mask & ~_filled(self.holes, height, width) if self.holes else mask


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
        same_way_up("boxes were drawn on", self.frame, (height, width))
        height, width = self.frame or (height, width)
        for x0, y0, x1, y1 in self.boxes:
            if x1 <= x0 or y1 <= y0:
                raise AnnotationError(
                    f"box {(x0, y0, x1, y1)} ends before it starts; expected (x0, y0, x1, y1),"
                    " was it written as (x, y, width, height)?"
                )
            inside("box", ((x0, y0), (x1, y1)), height, width)

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
class RotatedBox:
    """A box that is turned about its centre.

    Attributes:
        x: Column of the centre.
        y: Row of the centre.
        width: Length of the sides that are level before it is turned.
        height: Length of the others.
        degrees: How far it is turned, clockwise as one sees it.
    """

    x: Number
    y: Number
    width: Number
    height: Number
    degrees: Number

    @property
    def instances(self) -> int:
        """One."""
        return 1

    @property
    def outline(self) -> Outline:
        """Its corners, joined."""
        along, across = cos(radians(self.degrees)), sin(radians(self.degrees))
        w, h = self.width / 2, self.height / 2
        return Outline(
            (
                tuple(
                    # Rounded, so that a quarter turn ends on the grid from which it set out.
                    (
                        round(self.x + dx * along - dy * across, 9),
                        round(self.y + dx * across + dy * along, 9),
                    )
                    for dx, dy in ((-w, -h), (w, -h), (w, h), (-w, h))
                ),
            )
        )

    def fit(self, height: int, width: int) -> None:
        """Raises AnnotationError when the box cannot be of an image of that size."""
        self.outline.fit(height, width)

    def mask(self, height: int, width: int) -> Mask:
        """The pixels inside its outline."""
        return self.outline.mask(height, width)


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
        same_size("run lengths are of", self.size, (height, width), _cure(self.size))

    def mask(self, height: int, width: int) -> Mask:
        """The decoded mask."""
        self.fit(height, width)
        return raster(lengths_of(self.counts), self.size)


@dataclass(frozen=True)
class MaskFile:
    """A mask in an image or DICOM file, read when it is needed; ``mask_files`` says what is inside.

    A raster cannot tell how many things were drawn, so it counts as one.
    """

    path: Path

    @property
    def instances(self) -> int:
        """One: a file cannot tell how many things were drawn."""
        return 1

    def fit(self, height: int, width: int) -> None:
        """Raises AnnotationError when the file is missing, damaged or of another size."""
        size = mask_files.size_of(self.path)
        same_size(f"{self.path} is", size, (height, width), _cure(size))

    def mask(self, height: int, width: int) -> Mask:
        """The pixels that are not background."""
        self.fit(height, width)
        return mask_files.marked(self.path)


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
        inside("point", self.points, height, width)

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


def was_misread(shape: Shape) -> bool:
    """Whether an earlier version read other pixels from the file of a mask, or none.

    What was made of such a mask then is not what would be made now.
    """
    match shape:
        case Several(shapes):
            return any(map(was_misread, shapes))
        case MaskFile(path):
            return mask_files.was_misread(path)
    return False


def _filled(contours: tuple[tuple[Point, ...], ...], height: int, width: int) -> Mask:
    flat = [[float(number) for point in contour for number in point] for contour in contours]
    filled = coco.merge(coco.frPyObjects(flat, height, width))
    return raster(lengths_of(filled["counts"].decode("ascii")), (height, width))


def _centres(start: float, stop: float) -> slice:
    """The pixels whose centre c has ``start <= c < stop``."""
    return slice(max(int(np.ceil(start - 0.5)), 0), max(int(np.ceil(stop - 0.5)), 0))


def _cure(size: tuple[int, int] | None) -> str:
    return _FRAME.format(*size) if size else ""
