"""Geometry: how a radiograph gets onto a model's canvas, and how a map gets back.

Pixel centres are at half-integers on every grid, so a coordinate scales as ``x * new / old`` and no
resize shifts anything (``align_corners=False``).  Images are resampled by an ``Interpolation``, by
default bilinearly and antialiased when they shrink (as torchvision does); masks likewise and cut at
one half (``covering``); maps return by plain bilinear interpolation, since a map cell *is* the
coarse thing that it shows.

What is padded lies on the canvas and not on the film, and does not come back.  What is cropped lies
on the film and not on the canvas: no network has seen it, so that a map has its lowest value there.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

from heatproof.data.geometry.covering import covered
from heatproof.data.geometry.enlarging import Enlargement, Span, beyond, enlargement
from heatproof.data.interpolations import Interpolation, interpolations
from heatproof.data.interpolations.of_torch import Torch
from heatproof.registry import Registry


@runtime_checkable
class Geometry(Protocol):
    """A map between the pixels of a film and a canvas of ``height x width``, in both directions.

    A geometry that stretches the whole film over the whole canvas says ``fills_canvas:
    ClassVar[bool] = True``.
    """

    @property
    def height(self) -> int:
        """Height of the canvas in pixels."""
        ...

    @property
    def width(self) -> int:
        """Width of the canvas in pixels."""
        ...

    def image(self, image: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "height width"]:
        """A radiograph on the canvas."""
        ...

    def mask(self, mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "height width"]:
        """A mask on the canvas."""
        ...

    def point(self, x: float, y: float, size: tuple[int, int]) -> tuple[float, float]:
        """Where a point of an image of that size (height, width) comes to lie."""
        ...

    def back(
        self,
        saliency: Float[np.ndarray, "y x"],
        size: tuple[int, int],
        frame: tuple[int, int] | None = None,
    ) -> Float[np.ndarray, "h w"]:
        """A map that covers the canvas, at any resolution, over the original image.

        Args:
            saliency: The map.
            size: Height and width of the image.
            frame: Pixels that the image is divided into instead of its own.
        """
        ...


geometries: Registry[Geometry] = Registry("geometry", __name__, "heatproof.geometries")
TORCH = Torch()
ONE_OF_THESE = {"registry": interpolations}  # metadata of the field of a geometry that resamples
Size = tuple[int, int]
Resize = Callable[[np.ndarray, Size], np.ndarray]


def fills_canvas(geometry: Geometry) -> bool:
    """Whether a film fills the canvas, so that a grid over the canvas lies over the whole film."""
    return bool(getattr(geometry, "fills_canvas", False))


@dataclass(frozen=True)
class Line:
    """Where films of one size were seen to lie on a canvas, in its pixels.

    A place x of the film lies at ``start + scale * x``.

    Attributes:
        size: Height and width of the films.
        start: Of both axes, down and across.
        scale: Likewise; negative where the axis runs the other way.
    """

    size: Size
    start: tuple[float, float]
    scale: tuple[float, float]


class Placing(ABC):
    """A geometry that moves and scales each axis by itself, which decides all that it does.

    A part that is one is a frozen dataclass with the fields ``height``, ``width`` and
    ``interpolation``.  ``fitted`` and ``usual`` let it be found where nobody named it.
    """

    if TYPE_CHECKING:  # fields, which a part may also make of others

        @property
        def height(self) -> int:
            """Height of the canvas."""

        @property
        def width(self) -> int:
            """Width of the canvas."""

        @property
        def interpolation(self) -> Interpolation:
            """How the film is resampled."""

    @abstractmethod
    def spans(self, size: Size) -> tuple[Span, Span]:
        """Where a film of that size lies on the canvas, down and across, in any unit."""

    @abstractmethod
    def laid(self, film: np.ndarray, resize: Resize) -> np.ndarray:
        """A film on the canvas.

        Args:
            film: An image or a mask, ``h w``.
            resize: Brings a part of it to another size.
        """

    @classmethod
    def fitted(cls, canvas: Size, lines: Sequence[Line]) -> Iterator["Placing"]:  # noqa: ARG003
        """The geometries of this kind that may lay films as these lines do.

        Without options that is the one there is.  Whether it does is seen by others.

        Args:
            canvas: Height and width of the canvas.
            lines: One for each size of films.
        """
        make: Any = cls
        yield make(*canvas)

    @classmethod
    def usual(cls, canvas: Size) -> Iterator[tuple[str, "Placing"]]:
        """The usual geometries of this kind: what films then are, and the part."""
        make: Any = cls
        part = make(*canvas)
        yield f"brought onto the canvas by {geometries.spec(part)}", part

    def resampled_by(self, interpolation: Interpolation) -> "Placing":
        """The same with another interpolation."""
        part: Any = self
        other: Placing = replace(part, interpolation=interpolation)
        return other

    def image(self, image: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "height width"]:
        """The radiograph on the canvas."""
        return np.ascontiguousarray(self.laid(image, self.interpolation), np.float32)

    def mask(self, mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "height width"]:
        """Canvas pixels that the mask covers by half or more."""
        return self.laid(mask, covered)

    def point(self, x: float, y: float, size: Size) -> tuple[float, float]:
        """Where a point of an image of that size comes to lie; outside of the canvas where it is
        cut off.
        """
        places = zip((y, x), size, (self.height, self.width), self.spans(size), strict=True)
        down, across = (
            (span.start * old + place * span.length) * new / (old * span.canvas)
            for place, old, new, span in places
        )
        return across, down

    def back(
        self,
        saliency: Float[np.ndarray, "y x"],
        size: Size,
        frame: Size | None = None,
    ) -> Float[np.ndarray, "h w"]:
        """The map over the film, bilinear at the centre of every pixel, exact."""
        return self.enlargement(saliency, size, frame).pixels

    def enlargement(
        self,
        saliency: Float[np.ndarray, "y x"],
        size: Size,
        frame: Size | None = None,
    ) -> Enlargement:
        """The map over the film, whose pixels are made when they are asked for."""
        return enlargement(saliency, frame or size, *self.spans(size))

    def seen(self, size: Size) -> Bool[np.ndarray, "h w"]:
        """The pixels of a film of that size that lie on the canvas."""
        rows, columns = (
            ~beyond(pixels, span) for pixels, span in zip(size, self.spans(size), strict=True)
        )
        return np.asarray(rows[:, None] & columns)


@geometries.register("squash")
@dataclass(frozen=True)
class Squash(Placing):
    """Stretch to the canvas, whatever the proportions: what the published classifiers do."""

    height: int
    width: int
    interpolation: Interpolation = field(default=TORCH, metadata=ONE_OF_THESE)
    fills_canvas: ClassVar[bool] = True

    @classmethod
    def usual(cls, canvas: Size) -> Iterator[tuple[str, Placing]]:
        """The one there is."""
        yield "stretched to the canvas", cls(*canvas)

    def spans(self, size: Size) -> tuple[Span, Span]:  # noqa: ARG002  the same for all
        """The whole canvas."""
        return Span(0, 1, 1), Span(0, 1, 1)

    def laid(self, film: np.ndarray, resize: Resize) -> np.ndarray:
        """The film, stretched."""
        return resize(film, (self.height, self.width))


FILM = Squash(1, 1)
"""The film itself: a map that covers it needs no canvas, whatever its resolution."""


@geometries.register("letterbox")
@dataclass(frozen=True)
class Letterbox(Placing):
    """Shrink or grow to fit, keep the proportions, and fill the rest of the canvas.

    Attributes:
        height: Height of the canvas.
        width: Width of the canvas.
        interpolation: How the film is resampled.
        fill: Grey value of the rest, from 0 to 1.
        place: Where the film lies.
    """

    height: int
    width: int
    interpolation: Interpolation = field(default=TORCH, metadata=ONE_OF_THESE)
    fill: float = 0.0
    place: Literal["center", "top_left"] = "center"

    @classmethod
    def fitted(cls, canvas: Size, lines: Sequence[Line]) -> Iterator[Placing]:  # noqa: ARG003
        """In the middle, or in the corner."""
        yield cls(*canvas)
        yield cls(*canvas, place="top_left")

    @classmethod
    def usual(cls, canvas: Size) -> Iterator[tuple[str, Placing]]:
        """In the middle."""
        yield "padded to keep their proportions", cls(*canvas)

    def spans(self, size: Size) -> tuple[Span, Span]:
        """The middle or the corner of the canvas."""
        rows, columns = self._window(size)
        down = Span(rows.start, rows.stop - rows.start, self.height)
        return down, Span(columns.start, columns.stop - columns.start, self.width)

    def laid(self, film: np.ndarray, resize: Resize) -> np.ndarray:
        """The film between two bars."""
        rows, columns = self._window((film.shape[0], film.shape[1]))
        size = rows.stop - rows.start, columns.stop - columns.start
        resized = resize(film, size)
        canvas = beside((self.height, self.width), self.fill, resized.dtype)
        canvas[rows, columns] = resized
        return canvas

    def _window(self, size: Size) -> tuple[slice, slice]:
        """Rows and columns of the canvas that the image takes."""
        scale = min(self.height / size[0], self.width / size[1])
        # Rounding must not take the last pixel of a very long or flat film.
        height = min(max(round(size[0] * scale), 1), self.height)
        width = min(max(round(size[1] * scale), 1), self.width)
        top, left = (self.height - height) // 2, (self.width - width) // 2
        if self.place == "top_left":
            top = left = 0
        return slice(top, top + height), slice(left, left + width)


def beside(size: Size, fill: float, dtype: np.dtype[Any]) -> np.ndarray:
    """An empty canvas: of that grey value for an image, of nothing for a mask."""
    return np.full(size, False if dtype.kind == "b" else fill, dtype)


def shown(geometry: Geometry, saliency: Float[np.ndarray, "y x"], size: Size) -> Enlargement:
    """A map over the original image, made where it is looked at if the geometry knows how."""
    if isinstance(geometry, Placing):
        return geometry.enlargement(saliency, size)
    return Enlargement.whole(geometry.back(saliency, size))
