"""What a map looks like on its radiograph.  The only place that knows colours.

The film stays readable: a map is laid over it with an opacity that grows with its strength, so
where it says nothing the film is as it was.  Maps without negative values go from their minimum to
their strongest 0.2 % of pixels, along the upper part of *inferno* (perceptually uniform, safe for
colour-blind eyes).  Maps with negative values diverge around zero, orange for and blue against the
finding, to the same scale.  A reference is an outline in cyan with a dark halo, thick enough to be
seen at 300 px.

A map that is constant or not finite shows nothing: the plain film.
"""

import io
from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image

from heatproof.maps.binarize import value_range

# OpenCV puts blue first and Pillow red, so the channels are reversed.
_INFERNO = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[None], cv2.COLORMAP_INFERNO)[0, :, ::-1]
_WEAK, _STRONG = 90, 250  # the part of inferno that is told apart from a grey film
_FOR = np.array((255, 140, 0), np.float32)
_AGAINST = np.array((60, 160, 255), np.float32)
_OUTLINE, _HALO = (0, 255, 255), (0, 0, 0)
_OPACITY = 0.65
_ONSET = 0.15  # strength below which a map is transparent
_VISIBLE = 300  # pixels of the long side at which an outline is one and a half pixels thick


def plain(
    image: Float[np.ndarray, "h w"], long_side: int | None = None
) -> UInt8[np.ndarray, "y x 3"]:
    """The film, its long side at most ``long_side`` pixels."""
    levels = np.rint(np.clip(_shrunk(image, long_side), 0, 1) * 255).astype(np.uint8)
    return np.repeat(levels[:, :, None], 3, axis=2)


def overlay(
    image: Float[np.ndarray, "h w"],
    saliency: Float[np.ndarray, "h w"],
    outlines: Sequence[Bool[np.ndarray, "h w"]] = (),
    long_side: int | None = None,
) -> UInt8[np.ndarray, "y x 3"]:
    """The film under its map and the outlines of masks.

    Args:
        image: The radiograph in [0, 1].
        saliency: The map, at the size of the radiograph.
        outlines: Masks whose edges are drawn.
        long_side: Largest length of the long side of the picture; None for no limit.
    """
    picture = plain(image, long_side).astype(np.float32)
    # Averaging rounds, so what has no range is made nothing before it is shrunk.
    shows = value_range(saliency) is not None
    values = saliency if shows else np.zeros_like(saliency)
    colour, opacity = _coloured(_shrunk(values, long_side))
    picture += opacity[:, :, None] * (colour - picture)
    film = np.rint(picture).astype(np.uint8)
    for mask in outlines:
        film = _outlined(film, mask)
    return film


def layer(
    saliency: Float[np.ndarray, "h w"], long_side: int | None = None
) -> UInt8[np.ndarray, "y x 4"]:
    """The map alone, as colour and opacity, to be laid over ``plain`` of its film.

    Args:
        saliency: The map, at the size of the radiograph.
        long_side: Largest length of the long side of the picture; None for no limit.
    """
    shows = value_range(saliency) is not None
    values = saliency if shows else np.zeros_like(saliency)
    colour, opacity = _coloured(_shrunk(values, long_side))
    coloured: np.ndarray = np.rint(np.dstack([colour, 255 * opacity])).astype(np.uint8)
    return coloured


def levels(saliency: Float[np.ndarray, "h w"]) -> tuple[UInt8[np.ndarray, "h w"], bool]:
    """The strength of a map in 256 levels, for a viewer that colours it by ``palette``.

    Returns:
        Levels: 0 is the minimum and 255 full strength or, of a map with negative values, 128 is
        zero and the ends are full strength against and for the finding.  And whether it has such.
    """
    if value_range(saliency) is None:
        return np.zeros(saliency.shape, np.uint8), False
    low = float(saliency.min())
    strength = np.abs(saliency) if low < 0 else saliency - low
    strength = np.minimum(strength / _top(strength), 1)
    if low < 0:
        strength = (128 + np.sign(saliency) * strength * 127) / 255
    return np.rint(strength * 255).astype(np.uint8), low < 0


def palette(*, signed: bool = False) -> UInt8[np.ndarray, "256 3"]:
    """The colour of each level."""
    ramp = np.linspace(-1 if signed else 0, 1, 256, dtype=np.float32)[None]
    colours: np.ndarray = np.rint(_coloured(ramp)[0][0]).astype(np.uint8)
    return colours


def outline(mask: Bool[np.ndarray, "h w"], height: int, width: int) -> str:
    """The edge of a mask as an SVG path, in pixels of a picture of that size; empty without one.

    Args:
        mask: The mask, at the size of the radiograph.
        height: Height of the picture.
        width: Width of the picture.
    """
    corners = (contour[:, 0].tolist() for contour in _contours(mask, height, width))
    # Corners are whole pixels, whose middles lie half a pixel further.
    return "".join(
        f"M{'L'.join(f'{x + 0.5:g} {y + 0.5:g}' for x, y in contour)}Z" for contour in corners
    )


LEGEND = (
    "The map lies over the film, the more opaque the stronger, from its minimum (clear) to"
    " its strongest values (yellow). A map with negative values is orange where the evidence speaks"
    " for the finding and blue where it speaks against it. The cyan outline is the reference."
)
"""What the colours mean, in sentences for people."""


def scale(
    width: int = 120, height: int = 12, *, signed: bool = False
) -> UInt8[np.ndarray, "y x 3"]:
    """The colours of a map, low to high, over mid-grey film; ``signed`` with zero in the middle."""
    low = -1 if signed else 0
    ramp = np.tile(np.linspace(low, 1, width, dtype=np.float32), (height, 1))
    return overlay(np.full(ramp.shape, 0.5, np.float32), ramp)


def encode(
    picture: UInt8[np.ndarray, "y x c"],
    form: Literal["png", "jpeg", "webp"] = "webp",
    quality: int = 80,
) -> bytes:
    """The bytes of an image file, of 3 channels, or of 4 with opacity as the last."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, form, quality=quality)
    return buffer.getvalue()


def _shrunk(image: Float[np.ndarray, "h w"], long_side: int | None) -> Float[np.ndarray, "y x"]:
    """The film averaged down to the long side; a small film stays as it is."""
    if long_side is None or max(image.shape) <= long_side:
        return image
    scale = long_side / max(image.shape)
    height, width = (max(1, round(length * scale)) for length in image.shape)
    # Area averaging uses every pixel, while interpolation skips some when it shrinks.
    shrunk: np.ndarray = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return shrunk


def _coloured(
    saliency: Float[np.ndarray, "y x"],
) -> tuple[Float[np.ndarray, "y x 3"], Float[np.ndarray, "y x"]]:
    """Colour and opacity of every pixel."""
    low, high = float(saliency.min()), float(saliency.max())
    # The range is nan or infinite where any value is, so one test finds both.
    if not np.isfinite(high - low) or low == high:
        nothing = np.zeros(saliency.shape, np.float32)
        return np.repeat(nothing[:, :, None], 3, axis=2), nothing
    if low < 0:
        strength = np.abs(saliency)
        strength = np.minimum(strength / _top(strength), 1)
        colour = np.where(saliency[:, :, None] > 0, _FOR, _AGAINST)
    else:
        strength = saliency - low
        strength = np.minimum(strength / _top(strength), 1)
        index = np.rint(_WEAK + strength * (_STRONG - _WEAK)).astype(np.intp)
        colour = _INFERNO[index].astype(np.float32)
    rise = np.clip((strength - _ONSET) / (1 - _ONSET), 0, 1)
    return colour, (_OPACITY * np.sqrt(rise)).astype(np.float32)


def _top(strength: Float[np.ndarray, "y x"]) -> float:
    """The value that is drawn at full strength: a high percentile, so that single extremes do not
    hide the rest.
    """
    # The percentile of a sparse map may be 0, by which strengths cannot be divided.
    return max(float(np.quantile(strength, 0.998)), float(strength.max()) / 4)


def _contours(
    mask: Bool[np.ndarray, "h w"], height: int, width: int
) -> Sequence[Int[np.ndarray, "n 1 2"]]:
    """The edges of a mask in a picture of that size, each as the x and y of its corners."""
    cover = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    # A mask that is too small to cover half a pixel must be seen, too.
    inside = cover >= min(0.5, float(cover.max()) or 1)
    # `RETR_CCOMP` finds the edges of holes as well, which belong to the outline.
    contours, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    return contours


def _outlined(
    picture: UInt8[np.ndarray, "y x 3"], mask: Bool[np.ndarray, "h w"]
) -> UInt8[np.ndarray, "y x 3"]:
    height, width = picture.shape[:2]
    contours = _contours(mask, height, width)
    thick = max(1, round(1.5 * max(height, width) / _VISIBLE))
    outlined = picture.copy()
    # The halo is drawn first, so that it does not cover the outline.
    for colour, thickness in ((_HALO, thick + 2 * max(1, thick // 2)), (_OUTLINE, thick)):
        cv2.drawContours(outlined, contours, -1, colour, thickness, cv2.LINE_AA)
    return outlined
