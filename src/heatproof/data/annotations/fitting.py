"""Whether a mark fits its film: sizes, frames and coordinates, and the mistake behind a misfit.

A *frame* is the height and width of the image that a mark was drawn on, where that is another
resolution of the film.
"""

from collections.abc import Sequence
from math import log

import numpy as np

from heatproof.errors import AnnotationError

Size = tuple[int, int]
Number = float | int  # at run time, a float is not any number
_OVERHANG = 1.0  # pixels: tools round differently
_USUAL = (224, 256, 320, 512, 1024, 2048, 3000, 4096)  # sides of resolutions to draw on
_LONGEST = 1_000_000  # pixels of a side; no image is longer
_SWAPPED, _SAME = 0.02, 0.1  # natural logarithms of ratios of sides: 2 % and 10 %


def same_size(what: str, found: Size | None, expected: Size, cure: str = "") -> None:
    """Raises AnnotationError where something is of another size than the film.

    Args:
        what: What it is, with its verb.
        found: Its height and width; None where they are unknown.
        expected: Those of the film.
        cure: What to say where it is another resolution of the film.
    """
    if found is None or found == expected:
        return
    _possible(what, found)
    # A turned frame would also be another resolution, so the cure is not for it.
    hint = _TURNED if turned(found, expected) else f"was one of them resized?{cure}"
    raise AnnotationError(f"{_sizes(what, found, expected)}; {hint}")


def same_way_up(what: str, frame: Size | None, film: Size) -> None:
    """Raises AnnotationError where a frame and the film are each other's height by width."""
    if frame is not None:
        _possible(what, frame)
    if frame is not None and turned(frame, film):
        raise AnnotationError(f"{_sizes(what, frame, film)}; {_TURNED}")


def _possible(what: str, frame: Size) -> None:
    """Raises AnnotationError where a file says a size that no image has."""
    if not all(1 <= side <= _LONGEST for side in frame):
        height, width = (f"{float(side):.3g}" if abs(side) < 10**300 else "1e300" for side in frame)
        raise AnnotationError(
            f"{what} an image {width} wide and {height} high; expected sides from 1 to {_LONGEST:,}"
        )


def turned(frame: Size, film: Size) -> bool:
    """Whether the sides of a frame are to each other as those of the film the other way round.

    Sides that are nearly equal tell nothing, unless they are those of the film itself.
    """
    if frame == film[::-1]:
        return frame != film
    slope, other = log(frame[0] / frame[1]), log(film[0] / film[1])
    return abs(slope + other) < _SWAPPED and abs(slope - other) > _SAME


def inside(what: str, points: Sequence[tuple[Number, Number]], height: int, width: int) -> None:
    """Raises AnnotationError where points ``(x, y)`` lie outside an image of that size.

    They may overhang by one pixel.
    """
    if not points:
        return
    xy = np.asarray(points, float)
    left, top = xy.min(axis=0)
    right, bottom = xy.max(axis=0)
    # Comparisons with nan are false, so an undefined coordinate is outside as well.
    fits = (
        min(left, top) >= -_OVERHANG and right <= width + _OVERHANG and bottom <= height + _OVERHANG
    )
    if fits and not (min(height, width) > 2 and right > left and _divided(what, xy)):  # noqa: PLR2004
        return
    raise AnnotationError(
        f"{what} spans x {left:g} to {right:g} and y {top:g} to {bottom:g}, the image is"
        f" {width} wide and {height} high; {_guess(what, xy, height, width)}"
    )


_TURNED = (
    "were height and width swapped? A frame is [height, width]; where the image was turned after it"
    " was drawn on (EXIF), turn the marks or the image"
)


def _sizes(what: str, found: Size, expected: Size) -> str:
    return (
        f"{what} {found[0]} x {found[1]} (height x width), the image is"
        f" {expected[0]} x {expected[1]}"
    )


def _divided(what: str, xy: np.ndarray) -> bool:
    """Whether a shape lies within the first pixel, as where pixels were divided by the size.

    A contour whose corners are whole numbers is a speck in the corner of a mask; a box of one
    pixel is rather the whole film.
    """
    return bool(xy.max() <= 1 and (what == "box" or (xy != np.floor(xy)).any()))


def _guess(what: str, xy: np.ndarray, height: int, width: int) -> str:
    right, bottom = xy.max(axis=0)
    if not np.isfinite(xy).all():
        return "a coordinate is missing"
    if _divided(what, xy):
        return "were the coordinates divided by width and height? Expected pixels"
    if xy.min() < -_OVERHANG:
        return "was it drawn on a cropped image?"
    if bottom <= width + _OVERHANG and right <= height + _OVERHANG:
        return "were x and y swapped?"
    frame = "boxes_frame" if what == "box" else "masks_frame"
    return (
        "was it drawn on another resolution of this image? Then say its height and width:"
        f" {frame} = [{_round_up(bottom)}, {_round_up(right)}]"
    )


def _round_up(side: float) -> int:
    """A usual side of a resolution that holds a coordinate, as a first guess."""
    return next((usual for usual in _USUAL if side <= usual), int(side) + 1)
