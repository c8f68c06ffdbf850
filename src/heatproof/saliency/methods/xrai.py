"""XRAI: which regions of the image an attribution says most of, per pixel.

Masks are the segments of the image at several scales (see ``segments``); a(p) is an attribution per
pixel.  Regions are taken one after the other: of the masks that still add ``min_area`` pixels to
what is taken, the one whose new pixels have the largest mean of a.  Its new pixels get that mean:

    M(p) = mean of a over the region that brought p,

and pixels that no region brought get the mean over all of them.  ``fast`` sorts the masks once, by
the mean of a over the whole mask, and takes them in that order; here it is no faster than ``full``.
Kapishnikov et al., ICCV 2019, https://arxiv.org/abs/1906.02825.

Given the same attribution and segments, regions, their order and their values equal those of PAIR's
``saliency.core.xrai``; the first of equal masks wins.  PAIR sums all remaining masks again before
every region; here each mask has running sums, which are corrected for what was taken.  They round
differently, and segments often come again at the next scale; so masks whose sums come within
rounding of the best are compared by their means, added up from the pixels themselves.

The default attribution is the mean of integrated gradients from the darkest and the brightest value
of the image, in 100 steps.  It sums channels; for PAIR's, which takes the largest channel and
another sum for the integral, there is the preset ``pair``.

The map is piecewise constant and signed.  Its regions are those of the image: the outline of a rib
in the map says that the image has a rib there, not that the network saw one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, no_type_check

import numpy as np
import torch
from jaxtyping import Float, Int
from numba import njit
from torch import Tensor

from heatproof.errors import MapError, SpecError
from heatproof.saliency import Kind, Maps, Method, Need, asks_finding, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.methods.integrated_gradients import IntegratedGradients
from heatproof.saliency.segments import Segments, segments_of

Algorithm = Literal["full", "fast"]
LANES, BLOCK = 8, 128  # of numpy's pairwise sum


@methods.register("xrai")
@dataclass(frozen=True)
class XRAI:
    """Signed, at the resolution of the input; residual and tolerance are those of the base.

    Attributes:
        base: The attribution, at the resolution of the input.
        algorithm: ``full`` or ``fast``.
        min_area: Fewest pixels that a region adds.
        area_threshold: Share of the image after which no region is taken; of ``full`` only.
        dilation: By how many pixels segments are widened.
    """

    base: Method = field(
        default=IntegratedGradients(steps=100, baseline="extremes"),
        metadata={"registry": methods},
    )
    algorithm: Algorithm = "full"
    min_area: int = 50
    area_threshold: float = 1.0
    dilation: int = 5
    presets: ClassVar[Mapping[str, str]] = {
        "pair": (
            "base=integrated_gradients(steps=100, baseline='extremes', rule='pair', channels='max')"
        ),
    }
    title: ClassVar[str] = "XRAI"
    kind: ClassVar[Kind] = "refinement"

    def __post_init__(self) -> None:
        if self.min_area < 1:
            raise SpecError(f"min_area={self.min_area}; expected pixels, at least 1")
        if self.dilation < 0:
            raise SpecError(f"dilation={self.dilation}; expected pixels, 0 for none")
        if not 0 <= self.area_threshold <= 1:
            raise SpecError(
                f"area_threshold={self.area_threshold}; expected a share of the image, 0 to 1"
            )
        if self.algorithm == "fast" and self.area_threshold != 1:
            raise SpecError(
                f"area_threshold={self.area_threshold} with algorithm='fast', which takes every"
                " region; leave it out, or say algorithm='full'"
            )

    @property
    def needs(self) -> Need:
        """What the base needs."""
        return self.base.needs

    @property
    def asks_finding(self) -> bool:
        """Whether the map of the base differs between findings."""
        return asks_finding(self.base)

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target.

        Raises:
            MapError: The base has another resolution than the image.
        """
        base = self.base(forward, targets)
        size, resolution = forward.images.shape[2:], base.values.shape[2:]
        if size != resolution:
            raise MapError(
                f"xrai adds up its base by the pixels of the image, {tuple(size)}, and"
                f" {methods.spec(self.base)} gives maps of {tuple(resolution)}; use a base at the"
                " resolution of the input, such as integrated_gradients"
            )
        values = torch.stack(
            [self._one(*pair) for pair in zip(forward.images, base.values, strict=True)]
        )
        return Maps(values.to(base.values), base.residual, base.tolerance)

    def _one(
        self, image: Float[Tensor, "c h w"], attributions: Float[Tensor, "k h w"]
    ) -> Float[Tensor, "k h w"]:
        segments = segments_of(image.permute(1, 2, 0).cpu().numpy(), self.dilation)
        maps = [
            self._map(attribution, segments) for attribution in attributions.double().cpu().numpy()
        ]
        return torch.from_numpy(np.stack(maps))

    def _map(
        self, attribution: Float[np.ndarray, "h w"], segments: Segments
    ) -> Float[np.ndarray, "h w"]:
        if not np.isfinite(attribution).all():
            return np.full_like(attribution, np.nan)  # no region has a mean to compare
        order, gains = regions(
            attribution, segments, self.algorithm, self.min_area, self.area_threshold
        )
        values: np.ndarray = gains[order]
        return values


def regions(
    attribution: Float[np.ndarray, "h w"],
    segments: Segments,
    algorithm: Algorithm = "full",
    min_area: int = 50,
    area_threshold: float = 1.0,
) -> tuple[Int[np.ndarray, "h w"], Float[np.ndarray, " regions"]]:
    """The region of each pixel, counted from 0 as they are taken, and the mean of each.

    The last region holds the pixels that no other brought; where there are none, its mean is 0.

    Args:
        attribution: Finite.
        segments: The segments of the image.
        algorithm: ``full`` or ``fast``.
        min_area: At least 1.
        area_threshold: Ignored by ``fast``.
    """
    values = np.ascontiguousarray(attribution, np.float64).ravel()
    if algorithm == "full":
        taken, gains = _full(values, segments.arrays, min_area, area_threshold)
    else:
        taken, gains = _fast(values, segments.arrays, min_area)
    return segments.spread(taken), gains


@njit(cache=True)
@no_type_check
def _full(values: Any, arrays: Any, min_area: Any, area_threshold: Any) -> Any:
    _, _, mask_stops, mask_pieces, piece_stops, piece_masks, firsts, lasts = arrays
    pieces, masks = len(piece_stops), len(mask_stops)
    sizes, sums, areas, totals, slack = _totals(values, arrays)
    remaining = np.ones(masks, np.bool_)
    exact, exact_at = np.empty(masks), np.full(masks, -1, np.int64)
    scratch = np.full(pieces, -1, np.int64), np.zeros(pieces, np.bool_), np.empty(len(values))
    taken = scratch[0]
    gains = np.zeros(masks + 1)
    count, covered = 0, 0
    while covered / len(values) <= area_threshold:
        floor = -np.inf
        for mask in range(masks):
            remaining[mask] = remaining[mask] and areas[mask] >= min_area
            if remaining[mask]:
                floor = max(floor, (totals[mask] - slack[mask]) / areas[mask])
        best, gain = -1, -np.inf
        for mask in range(masks):
            # A mask whose largest possible mean is below the floor cannot win, however it rounds.
            if remaining[mask] and (totals[mask] + slack[mask]) / areas[mask] >= floor:
                # The mean of a mask stays the same until some of its pixels are taken.
                if exact_at[mask] != areas[mask]:
                    mask_part = _part(mask_pieces, mask_stops, mask)
                    exact[mask] = _mean(
                        values, arrays, mask_part, firsts[mask], lasts[mask], scratch
                    )
                    exact_at[mask] = areas[mask]
                if exact[mask] > gain:
                    best, gain = mask, exact[mask]
        if best < 0:
            break
        gains[count] = gain
        covered += areas[best]
        remaining[best] = False
        for piece in _part(mask_pieces, mask_stops, best):
            if taken[piece] < 0:
                taken[piece] = count
                for mask in _part(piece_masks, piece_stops, piece):
                    areas[mask] -= sizes[piece]
                    totals[mask] -= sums[piece]
        count += 1
    gains[count] = _rest(values, arrays, scratch, count)
    return taken, gains[: count + 1]


@njit(cache=True)
@no_type_check
def _fast(values: Any, arrays: Any, min_area: Any) -> Any:
    run_stops, run_pieces, mask_stops, mask_pieces, piece_stops, _, firsts, lasts = arrays
    pieces, masks = len(piece_stops), len(mask_stops)
    sizes = np.zeros(pieces, np.int64)
    for run in range(len(run_stops)):
        sizes[run_pieces[run]] += run_stops[run] - (0 if run == 0 else run_stops[run - 1])
    scratch = np.full(pieces, -1, np.int64), np.zeros(pieces, np.bool_), np.empty(len(values))
    taken = scratch[0]
    means = np.full(masks, -np.inf)
    for mask in range(masks):
        mask_part = _part(mask_pieces, mask_stops, mask)
        if len(mask_part):
            means[mask] = _mean(values, arrays, mask_part, firsts[mask], lasts[mask], scratch)
    gains = np.zeros(masks + 1)
    count = 0
    for mask in np.argsort(-means, kind="mergesort"):  # stable: the first of equal masks wins
        mask_part = _part(mask_pieces, mask_stops, mask)
        area = 0
        for piece in mask_part:
            area += sizes[piece] if taken[piece] < 0 else 0
        if area >= min_area:
            gains[count] = _mean(values, arrays, mask_part, firsts[mask], lasts[mask], scratch)
            for piece in mask_part:
                taken[piece] = count if taken[piece] < 0 else taken[piece]
            count += 1
    gains[count] = _rest(values, arrays, scratch, count)
    return taken, gains[: count + 1]


@njit(cache=True)
@no_type_check
def _totals(values: Any, arrays: Any) -> Any:
    """Pixels and sums of pieces and of masks, and how far from the truth sums may be."""
    run_stops, run_pieces, mask_stops, mask_pieces, piece_stops = arrays[:5]
    pieces, masks = len(piece_stops), len(mask_stops)
    sizes, sums, magnitudes = np.zeros(pieces, np.int64), np.zeros(pieces), np.zeros(pieces)
    for run in range(len(run_stops)):
        piece, start = run_pieces[run], 0 if run == 0 else run_stops[run - 1]
        sizes[piece] += run_stops[run] - start
        for value in values[start : run_stops[run]]:
            sums[piece] += value
            magnitudes[piece] += abs(value)
    areas, totals, slack = np.zeros(masks, np.int64), np.zeros(masks), np.zeros(masks)
    for mask in range(masks):
        for piece in _part(mask_pieces, mask_stops, mask):
            areas[mask] += sizes[piece]
            totals[mask] += sums[piece]
            slack[mask] += magnitudes[piece]
        # Running or pairwise, a sum comes of fewer than 3 * area operations, each of them off by at
        # most eps / 2 of the magnitudes.
        slack[mask] *= 4 * areas[mask] * np.finfo(np.float64).eps
    return sizes, sums, areas, totals, slack


@njit(cache=True)
@no_type_check
def _part(items: Any, stops: Any, index: Any) -> Any:
    return items[0 if index == 0 else stops[index - 1] : stops[index]]


@njit(cache=True)
@no_type_check
def _rest(values: Any, arrays: Any, scratch: Any, count: Any) -> Any:
    """Mean over what no region brought, which becomes region ``count``."""
    left = np.flatnonzero(scratch[0] < 0).astype(np.int32)
    if not len(left):
        return 0.0
    mean = _mean(values, arrays, left, 0, len(arrays[0]), scratch)
    scratch[0][left] = count
    return mean


@njit(cache=True)
@no_type_check
def _mean(values: Any, arrays: Any, pieces: Any, first: Any, last: Any, scratch: Any) -> Any:
    """The mean over pixels of pieces not yet taken, as numpy adds them up in raster order."""
    run_stops, run_pieces = arrays[0], arrays[1]
    taken, marked, buffer = scratch
    for piece in pieces:
        marked[piece] = taken[piece] < 0
    size = 0
    for run in range(first, last):
        if marked[run_pieces[run]]:
            for pixel in range(0 if run == 0 else run_stops[run - 1], run_stops[run]):
                buffer[size] = values[pixel]
                size += 1
    for piece in pieces:
        marked[piece] = False
    return _sum(buffer[:size]) / size


@njit(cache=True)
@no_type_check
def _sum(values: Any) -> Any:
    """Pairwise, in the order of numpy, so that results are the same to the last bit."""
    size = len(values)
    if size > BLOCK:
        half = size // 2
        half -= half % LANES
        return _sum(values[:half]) + _sum(values[half:])
    total, whole = 0.0, 0
    if size >= LANES:
        whole = size - size % LANES
        a, b, c, d = values[0], values[1], values[2], values[3]
        e, f, g, h = values[4], values[5], values[6], values[7]
        for start in range(LANES, whole, LANES):
            a += values[start]
            b += values[start + 1]
            c += values[start + 2]
            d += values[start + 3]
            e += values[start + 4]
            f += values[start + 5]
            g += values[start + 6]
            h += values[start + 7]
        total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for value in values[whole:]:
        total += value
    return total
