"""Geometry: how a radiograph gets onto a model's canvas, and how a map gets back.

Pixel centres are at half-integers on every grid, so a coordinate scales as ``x * new / old`` and no
resize shifts anything (``align_corners=False``).  Images are resampled bilinearly, antialiased when
they shrink (as torchvision does); masks likewise and cut at one half (``covering``); maps return by
plain bilinear interpolation, since a map cell *is* the coarse thing that it shows.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch.nn.functional import interpolate

from heatproof.data.covering import covered
from heatproof.data.enlarging import Enlargement, Span, enlargement
from heatproof.registry import Registry


@runtime_checkable
class Geometry(Protocol):
    """A map between the pixels of a film and a canvas of ``height x width``, in both directions.

    A geometry that leaves no part of the canvas empty says ``fills_canvas: ClassVar[bool] = True``.
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


geometries: Registry[Geometry] = Registry("geometry", "heatproof.data", "heatproof.geometries")


def fills_canvas(geometry: Geometry) -> bool:
    """Whether a film fills the canvas, so that a grid over the canvas lies over the whole film."""
    return bool(getattr(geometry, "fills_canvas", False))


@geometries.register("squash")
@dataclass(frozen=True)
class Squash:
    """Stretch to the canvas, whatever the proportions: what the published classifiers do."""

    height: int
    width: int
    fills_canvas: ClassVar[bool] = True

    def image(self, image: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "height width"]:
        """The radiograph, stretched."""
        return _resized(image, self.height, self.width)

    def mask(self, mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "height width"]:
        """Canvas pixels that the mask covers by half or more."""
        return covered(mask, (self.height, self.width))

    def point(self, x: float, y: float, size: tuple[int, int]) -> tuple[float, float]:
        """Where a point of an image of that size comes to lie."""
        height, width = size
        return x * self.width / width, y * self.height / height

    def back(
        self,
        saliency: Float[np.ndarray, "y x"],
        size: tuple[int, int],
        frame: tuple[int, int] | None = None,
    ) -> Float[np.ndarray, "h w"]:
        """The map over the film: bilinear, half-pixel centres, exact."""
        return self.enlargement(saliency, size, frame).pixels

    def enlargement(
        self,
        saliency: Float[np.ndarray, "y x"],
        size: tuple[int, int],
        frame: tuple[int, int] | None = None,
    ) -> Enlargement:
        """The map over the film, whose pixels are made when they are asked for."""
        return enlargement(saliency, frame or size)


FILM = Squash(1, 1)
"""The film itself: a map that covers it needs no canvas, whatever its resolution."""


@geometries.register("letterbox")
@dataclass(frozen=True)
class Letterbox:
    """Shrink or grow to fit, keep the proportions, and fill the rest of the canvas with black."""

    height: int
    width: int

    def image(self, image: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "height width"]:
        """The radiograph in the middle of a black canvas."""
        size = (image.shape[0], image.shape[1])
        rows, columns = self._window(size)
        canvas = np.zeros((self.height, self.width), np.float32)
        canvas[rows, columns] = _resized(
            image, rows.stop - rows.start, columns.stop - columns.start
        )
        return canvas

    def mask(self, mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "height width"]:
        """Canvas pixels that the mask covers by half or more."""
        rows, columns = self._window((mask.shape[0], mask.shape[1]))
        canvas = np.zeros((self.height, self.width), bool)
        size = rows.stop - rows.start, columns.stop - columns.start
        canvas[rows, columns] = covered(mask, size)
        return canvas

    def point(self, x: float, y: float, size: tuple[int, int]) -> tuple[float, float]:
        """Where a point of an image of that size comes to lie."""
        rows, columns = self._window(size)
        scale_y = (rows.stop - rows.start) / size[0]
        scale_x = (columns.stop - columns.start) / size[1]
        return columns.start + x * scale_x, rows.start + y * scale_y

    def back(
        self,
        saliency: Float[np.ndarray, "y x"],
        size: tuple[int, int],
        frame: tuple[int, int] | None = None,
    ) -> Float[np.ndarray, "h w"]:
        """The map over the film, bilinear at the centre of every pixel, exact; what fell on the
        black is left out.
        """
        return self.enlargement(saliency, size, frame).pixels

    def enlargement(
        self,
        saliency: Float[np.ndarray, "y x"],
        size: tuple[int, int],
        frame: tuple[int, int] | None = None,
    ) -> Enlargement:
        """The map over the film, whose pixels are made when they are asked for."""
        rows, columns = self._window(size)
        down = Span(rows.start, rows.stop - rows.start, self.height)
        across = Span(columns.start, columns.stop - columns.start, self.width)
        return enlargement(saliency, frame or size, down, across)

    def _window(self, size: tuple[int, int]) -> tuple[slice, slice]:
        """Rows and columns of the canvas that the image takes."""
        scale = min(self.height / size[0], self.width / size[1])
        # Rounding must not take the last pixel of a very long or flat film.
        height = min(max(round(size[0] * scale), 1), self.height)
        width = min(max(round(size[1] * scale), 1), self.width)
        top, left = (self.height - height) // 2, (self.width - width) // 2
        return slice(top, top + height), slice(left, left + width)


def shown(
    geometry: Geometry, saliency: Float[np.ndarray, "y x"], size: tuple[int, int]
) -> Enlargement:
    """A map over the original image, made where it is looked at if the geometry knows how."""
    if isinstance(geometry, Squash | Letterbox):
        return geometry.enlargement(saliency, size)
    return Enlargement.whole(geometry.back(saliency, size))


def _resized(
    image: Float[np.ndarray, "h w"], height: int, width: int
) -> Float[np.ndarray, "height width"]:
    values = torch.from_numpy(np.ascontiguousarray(image, np.float32))[None, None]
    return interpolate(values, (height, width), mode="bilinear", antialias=True)[0, 0].numpy()
