"""Crops: geometries that cut a part of the film off, which the network then never sees.

``center_crop`` resizes first, as torchvision and timm do; ``crop_resize`` crops first, as
torchxrayvision does; ``pad_or_crop`` does not resize; ``cut`` takes margins off, whatever they are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from heatproof.data.geometry import (
    ONE_OF_THESE,
    TORCH,
    Line,
    Placing,
    Resize,
    Size,
    beside,
    geometries,
)
from heatproof.data.geometry.enlarging import Span
from heatproof.data.interpolations import Interpolation
from heatproof.errors import SpecError

_NOTHING = 0.002  # of a film: no margin
_SHARES = (7 / 8, 0.9, 0.95)
"""What timm's usual crops leave of the shorter side (``crop_pct``)."""


@geometries.register("center_crop")
@dataclass(frozen=True)
class CenterCrop(Placing):
    """Resize the shorter side, keep the proportions, and cut the middle out.

    ``Resize(resize)`` and ``CenterCrop((height, width))`` of torchvision, also as to rounding, and
    so what timm's ``resolve_data_config`` stands for (``resize`` is its size / ``crop_pct``).

    Attributes:
        height: Height of the canvas.
        width: Width of the canvas.
        resize: What the shorter side becomes before the crop, such as 256 for a canvas of 224;
            without, the longer side of the canvas.
        interpolation: How the film is resampled.
        proportions: Whether they are kept; without, both sides become ``resize``, as by timm's
            ``crop_mode="squash"``.
    """

    height: int
    width: int
    resize: int | None = None
    interpolation: Interpolation = field(default=TORCH, metadata=ONE_OF_THESE)
    proportions: bool = True

    def __post_init__(self) -> None:
        if self.resize is not None and self.resize < max(self.height, self.width):
            raise SpecError(
                f"center_crop(height={self.height}, width={self.width}, resize={self.resize});"
                " resize is the shorter side before the crop, expected at least"
                f" {max(self.height, self.width)}"
            )

    @classmethod
    def fitted(cls, canvas: Size, lines: Sequence[Line]) -> Iterator[Placing]:
        """By what the shorter side becomes, or where no proportions are kept, the height."""
        short, tall = (
            round(float(np.median([side(line.size) * line.scale[1] for line in lines])))
            for side in (min, _height)
        )
        if short >= max(canvas):
            yield cls(*canvas, short)
        if tall >= max(canvas):
            yield cls(*canvas, tall, proportions=False)

    @classmethod
    def usual(cls, canvas: Size) -> Iterator[tuple[str, Placing]]:
        """Those of timm."""
        for share in _SHARES:
            resize = round(max(canvas) / share)
            words = f"resized to {resize} along the shorter side, then cropped"
            yield words, cls(*canvas, resize)

    def spans(self, size: Size) -> tuple[Span, Span]:
        """Longer than the canvas on both sides."""
        (height, width), (top, left) = self._resized(size)
        return Span(-top, height, self.height), Span(-left, width, self.width)

    def laid(self, film: np.ndarray, resize: Resize) -> np.ndarray:
        """The middle of the resized film."""
        size, (top, left) = self._resized((film.shape[0], film.shape[1]))
        return resize(film, size)[top : top + self.height, left : left + self.width]

    def _resized(self, size: Size) -> tuple[Size, tuple[int, int]]:
        """The size before the crop, and the first row and column of the crop."""
        short, resize = min(size), self.resize or max(self.height, self.width)
        # torchvision cuts fractions of the longer side off, and rounds half a pixel to even.
        height, width = (int(resize * side / short) for side in size)
        if not self.proportions:
            height = width = resize
        return (height, width), (round((height - self.height) / 2), round((width - self.width) / 2))


@geometries.register("crop_resize")
@dataclass(frozen=True)
class CropResize(Placing):
    """Cut out the largest middle part with the proportions of the canvas, then resize it.

    ``XRayCenterCrop()`` and ``XRayResizer(size)`` of torchxrayvision, for a square canvas.

    Attributes:
        height: Height of the canvas.
        width: Width of the canvas.
        interpolation: How the part is resampled.
    """

    height: int
    width: int
    interpolation: Interpolation = field(default=TORCH, metadata=ONE_OF_THESE)

    @classmethod
    def usual(cls, canvas: Size) -> Iterator[tuple[str, Placing]]:
        """The one there is."""
        yield "cropped to the canvas' proportions, then resized", cls(*canvas)

    def spans(self, size: Size) -> tuple[Span, Span]:
        """The whole canvas along one axis, and more along the other."""
        (height, width), (top, left) = self._part(size)
        return Span(-top, size[0], height), Span(-left, size[1], width)

    def laid(self, film: np.ndarray, resize: Resize) -> np.ndarray:
        """The middle part, resized."""
        (height, width), (top, left) = self._part((film.shape[0], film.shape[1]))
        part = np.ascontiguousarray(film[top : top + height, left : left + width])
        return resize(part, (self.height, self.width))

    def _part(self, size: Size) -> tuple[Size, tuple[int, int]]:
        """Height and width of the part, and its first row and column."""
        height = min(size[0], max(1, round(size[1] * self.height / self.width)))
        width = min(size[1], max(1, round(size[0] * self.width / self.height)))
        return (height, width), (size[0] // 2 - height // 2, size[1] // 2 - width // 2)


@geometries.register("pad_or_crop")
@dataclass(frozen=True)
class PadOrCrop(Placing):
    """Keep every pixel as it is: pad a film that is too small, cut the middle out of a larger one.

    MONAI's ``ResizeWithPadOrCrop``.

    Attributes:
        height: Height of the canvas.
        width: Width of the canvas.
        fill: Grey value beside the film, from 0 to 1.
        interpolation: Of no effect, since nothing is resampled.
    """

    height: int
    width: int
    fill: float = 0.0
    interpolation: Interpolation = field(default=TORCH, metadata=ONE_OF_THESE)

    def spans(self, size: Size) -> tuple[Span, Span]:
        """As many pixels as the film has."""
        down, across = self._starts(size)
        return Span(down, size[0], self.height), Span(across, size[1], self.width)

    def laid(self, film: np.ndarray, resize: Resize) -> np.ndarray:  # noqa: ARG002  of no effect
        """The film in the middle of the canvas."""
        canvas = beside((self.height, self.width), self.fill, film.dtype)
        places = []
        starts = self._starts((film.shape[0], film.shape[1]))
        for start, pixels, cells in zip(starts, film.shape, canvas.shape, strict=True):
            end = min(start + pixels, cells)
            places.append((slice(max(start, 0), end), slice(max(-start, 0), end - start)))
        (rows, from_rows), (columns, from_columns) = places
        canvas[rows, columns] = film[from_rows, from_columns]
        return canvas

    def _starts(self, size: Size) -> tuple[int, int]:
        """Where the film begins on the canvas, down and across; below 0 where it is cut."""
        down, across = (
            (cells - pixels) // 2 if cells > pixels else cells // 2 - pixels // 2
            for pixels, cells in zip(size, (self.height, self.width), strict=True)
        )
        return down, across


@geometries.register("cut")
@dataclass(frozen=True)
class Cut(Placing):
    """Take margins off, and stretch what is left to the canvas.

    Attributes:
        height: Height of the canvas.
        width: Width of the canvas.
        top: Share of the film's height above what is left.
        left: Share of its width to the left.
        bottom: Share of its height below what is left.
        right: Share of its width to the right.
        interpolation: How what is left is resampled.
    """

    height: int
    width: int
    top: float = 0.0
    left: float = 0.0
    bottom: float = 0.0
    right: float = 0.0
    interpolation: Interpolation = field(default=TORCH, metadata=ONE_OF_THESE)

    def __post_init__(self) -> None:
        shares = (self.top, self.left, self.bottom, self.right)
        if min(shares) < 0 or max(self.top + self.bottom, self.left + self.right) >= 1:
            raise SpecError(
                f"cut(top={self.top:g}, left={self.left:g}, bottom={self.bottom:g},"
                f" right={self.right:g}); expected shares of the film, such as top=0.05, that leave"
                " some of it"
            )

    @classmethod
    def fitted(cls, canvas: Size, lines: Sequence[Line]) -> Iterator[Placing]:
        """Margins as shares of the film, where there are any."""
        margins = []
        for line in lines:
            shares = []
            for pixels, cells, start, scale in zip(
                line.size, canvas, line.start, line.scale, strict=True
            ):
                if scale <= 0:
                    return
                shares += [-start / scale / pixels, 1 - (cells - start) / scale / pixels]
            margins.append(shares)
        top, bottom, left, right = (
            0.0 if abs(share) < _NOTHING else round(float(share), 4)
            for share in np.median(margins, axis=0)
        )
        if not any((top, bottom, left, right)) or min(top, bottom, left, right) < 0:
            return
        if max(top + bottom, left + right) < 1:
            yield cls(*canvas, top=top, left=left, bottom=bottom, right=right)

    @classmethod
    def usual(cls, canvas: Size) -> Iterator[tuple[str, Placing]]:  # noqa: ARG003
        """None: margins are anybody's."""
        yield from ()

    def spans(self, size: Size) -> tuple[Span, Span]:
        """The whole canvas, and the margins beyond it."""
        (top, bottom), (left, right) = self._kept(size)
        return Span(-top, size[0], bottom - top), Span(-left, size[1], right - left)

    def laid(self, film: np.ndarray, resize: Resize) -> np.ndarray:
        """The film without its margins, resized."""
        (top, bottom), (left, right) = self._kept((film.shape[0], film.shape[1]))
        return resize(np.ascontiguousarray(film[top:bottom, left:right]), (self.height, self.width))

    def _kept(self, size: Size) -> tuple[tuple[int, int], tuple[int, int]]:
        """First and last row and column (exclusive) that are left: one pixel at least."""
        ends = []
        for pixels, before, after in (
            (size[0], self.top, self.bottom),
            (size[1], self.left, self.right),
        ):
            first = min(round(before * pixels), pixels - 1)
            ends.append((first, max(pixels - round(after * pixels), first + 1)))
        return ends[0], ends[1]


def _height(size: Size) -> int:
    return size[0]
