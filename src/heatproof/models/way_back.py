"""Which geometry does a transform have?  Found by moving a spot over a film and watching it arrive.

A bright spot on a grainy film, less a dark one, arrives on the canvas where the geometry puts it,
whatever becomes of grey values (normalization, equalization, CLAHE).  Spots on films of several
proportions tell the named geometries apart; the one is taken that explains them all.  A transform
that no geometry explains (it turns or shears, or places each film by what it shows) has no way
back, and its owner has to say one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import ndimage
from torch import Tensor

from heatproof.data.geometry import Geometry, Line, Placing, geometries
from heatproof.errors import ModelError

Film = Float[np.ndarray, "h w"]
Transform = Callable[[Film], Float[Tensor, "c y x"]]
Size = tuple[int, int]
SIZES: tuple[Size, ...] = ((420, 360), (384, 512), (448, 448), (300, 560))
"""Of the films that are tried: upright, lying, square, and very long."""
_AWAY = (0.25, 0.1, 0.04)
"""How far spots lie from the middle, as shares of the film: a crop may leave only the middle."""
_HEIGHT = 0.35  # of a spot, as a share of the range of a film
_SEEN = 0.5  # of the highest change: less is no spot
_VISIBLE = 0.2  # of the change that the clearest spot makes
_CLEAR = 1e-4  # of the range of the canvas
_ERROR = 0.006  # of the canvas: how far a spot may arrive from where a geometry puts it
_PIXEL = 0.75


@dataclass(frozen=True)
class Arrival:
    """Where a spot on a film came to lie.

    Attributes:
        size: Height and width of the film.
        at: Its centre on the film, x and y.
        came: Its centre on the canvas, x and y.
    """

    size: Size
    at: tuple[float, float]
    came: tuple[float, float]


def way_back(transform: Transform, sizes: Sequence[Size] = SIZES) -> Geometry:
    """The geometry that a transform has.

    Args:
        transform: Makes an input of a film in [0, 1].
        sizes: Heights and widths of the films that are tried.

    Raises:
        ModelError: No geometry explains where spots arrive, or there is no fixed size.
    """
    canvas = _canvas(transform, sizes)
    arrivals = [one for size in sizes for one in arrived(transform, textured(size))]
    if not arrivals:
        raise ModelError("a spot on a film does not show in what the transform gives")
    errors = {one: misplaced(one, arrivals) for one in _candidates(canvas, arrivals)}
    # Of those that explain the spots equally well, the simplest stands first.
    best = min(errors, key=lambda one: round(errors[one], 1))
    if errors[best] > tolerance(canvas):
        raise ModelError(
            f"no geometry explains where spots on a film arrive ({geometries.spec(best)} misses by"
            f" {errors[best]:.1f} pixels): it may turn films, or crop each to what it shows"
        )
    return best


def tolerance(canvas: Size) -> float:
    """How far from its place a spot may arrive, in pixels of the canvas."""
    return max(_PIXEL, _ERROR * max(canvas))


def misplaced(geometry: Geometry, arrivals: Sequence[Arrival]) -> float:
    """How far from where a geometry puts them spots arrive at most, in pixels of the canvas."""
    places = [geometry.point(*one.at, one.size) for one in arrivals]
    return max(
        float(np.hypot(*np.subtract(place, one.came)))
        for place, one in zip(places, arrivals, strict=True)
    )


def arrived(transform: Transform, film: Film) -> list[Arrival]:
    """Where five spots on a film arrive; empty where not all of them show.

    They lie as far apart as a crop allows.
    """
    size = film.shape[0], film.shape[1]
    plain = transform(film).numpy()
    # Small beside the tiles of CLAHE, and several pixels wide after shrinking.
    width = max(min(size) / 90, 1.5 * max(size) / max(plain.shape[1:]))
    for away in _AWAY:
        found = []
        for at in _places(size, away):
            spot = _spot(size, at, width)
            # A bright spot less a dark one is a spot, too, where a transform cuts extremes off.
            bright, dark = (transform(np.clip(film + way * spot, 0, 1)) for way in (1, -1))
            change = (bright - dark).numpy()
            # Scaling by the film's own values changes all pixels a little.
            change = np.abs(change - np.median(change, axis=(1, 2), keepdims=True)).sum(axis=0)
            found.append((Arrival(size, at, _centre(change)), float(change.max()), change))
        highest = max(height for _, height, _ in found)
        seen = [
            arrival
            for arrival, height, change in found
            if height > _VISIBLE * highest and not _at_the_rim(change)
        ]
        if highest > _CLEAR * (np.ptp(plain) or 1) and len(seen) == len(found):
            return seen
    return []


def textured(size: Size) -> Film:
    """A film of fine grey grain, so that no scaling by its own values divides by nothing."""
    grain = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=size), 1.5)
    low, high = grain.min(), grain.max()
    film: np.ndarray = 0.4 + 0.2 * (grain - low) / (high - low)
    return film.astype(np.float32)


def _canvas(transform: Transform, sizes: Sequence[Size]) -> Size:
    shapes = {tuple(transform(textured(size)).shape): size for size in sizes}
    if len(shapes) > 1:
        told = "; ".join(
            f"{size[0]} x {size[1]} becomes {shape[1]} x {shape[2]}"
            for shape, size in shapes.items()
        )
        raise ModelError(
            f"the transform gives inputs of several sizes ({told}, height x width); end it with a"
            " crop or padding to the size of the network"
        )
    ((_, height, width),) = shapes
    return height, width


def _places(size: Size, away: float) -> list[tuple[float, float]]:
    """The middle of a film and four places around it."""
    return [
        ((0.5 + right * away) * size[1], (0.5 + down * away) * size[0])
        for down, right in ((0, 0), (-1, -1), (-1, 1), (1, -1), (1, 1))
    ]


def _spot(size: Size, at: tuple[float, float], width: float) -> Film:
    """A spot whose standard deviation is ``width`` pixels."""
    rows, columns = np.ogrid[: size[0], : size[1]]
    distance = (columns + 0.5 - at[0]) ** 2 + (rows + 0.5 - at[1]) ** 2
    return (_HEIGHT * np.exp(-distance / (2 * width**2))).astype(np.float32)


def _centre(change: Float[np.ndarray, "y x"]) -> tuple[float, float]:
    """The centre of what changed most, x and y."""
    weights = np.where(change >= _SEEN * change.max(), change, 0)
    # Other pixels may change as much by chance, but not beside the highest.
    parts, _ = ndimage.label(weights)
    weights = np.where(parts == parts[np.unravel_index(change.argmax(), change.shape)], weights, 0)
    rows, columns = np.indices(change.shape) + 0.5
    total = weights.sum() or 1.0
    return float((weights * columns).sum() / total), float((weights * rows).sum() / total)


def _at_the_rim(change: Float[np.ndarray, "y x"]) -> bool:
    """Whether a spot is cut by the border of the canvas, so that its centre is not known."""
    rim = max(change[0].max(), change[-1].max(), change[:, 0].max(), change[:, -1].max())
    return bool(rim >= _SEEN * change.max())


def _candidates(canvas: Size, arrivals: Sequence[Arrival]) -> list[Geometry]:
    """The geometries that there are, those with options as they fit these arrivals."""
    lines = [_line(arrivals, size) for size in dict.fromkeys(one.size for one in arrivals)]
    found: list[Geometry] = []
    for name in geometries.names():
        part = geometries.part_class(name)
        if issubclass(part, Placing):
            found += part.fitted(canvas, lines)
    # The fewer options it has, the simpler a part is.
    return sorted(found, key=lambda one: geometries.spec(one).count("="))


def _line(arrivals: Sequence[Arrival], size: Size) -> Line:
    """Where films of one size lie."""
    ours = [one for one in arrivals if one.size == size]
    across, down = (
        np.polyfit([one.at[axis] for one in ours], [one.came[axis] for one in ours], 1)
        for axis in (0, 1)
    )
    return Line(size, (float(down[1]), float(across[1])), (float(down[0]), float(across[0])))
