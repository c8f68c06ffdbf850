"""Segments of an image at several scales, as XRAI wants them.

The image is brought to [-1, 1] and to 224 x 224 (cubic, anti-aliased), cut by Felzenszwalb and
Huttenlocher's graph-based segmentation (IJCV 2004) at each of ``SCALES``, and the labels are
brought back (nearest).  Every label of every scale is a mask, widened by a disk, so that masks
overlap.  Kapishnikov et al., ICCV 2019, https://arxiv.org/abs/1906.02825; constants and order of
the masks are those of PAIR's ``saliency.core.xrai``.

Masks are kept as the *pieces* into which all their outlines together cut the image: a mask is a set
of whole pieces.  Whatever is summed over masks is then summed over pixels once, and over pieces
afterwards.

Segments depend on the image alone, so those of recent images are remembered (``CACHE_BYTES``).  The
image is the one that the network sees, normalized: other preprocessing may give other segments.  A
constant image, which has no contrast to scale, is one segment at every scale.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, no_type_check

import numpy as np
from jaxtyping import Bool, Float, Int
from numba import njit
from skimage.segmentation import felzenszwalb
from skimage.transform import resize

# As PAIR's saliency library has them: scales of Felzenszwalb's segmentation, the blur before it and
# the smallest segment, both in pixels, and the side to which images are resized for it.
SCALES = (50, 100, 150, 250, 500, 1200)
SIGMA = 0.8
MIN_SIZE = 150
SIDE = 224
CACHE_BYTES = 256 * 10**6  # an image is explained for several models and methods in a row

_cache: "OrderedDict[tuple[bytes, int], Segments]" = OrderedDict()
_lock = Lock()


# Arrays have no single truth that == could return.
@dataclass(frozen=True, eq=False)
class Segments:
    """Masks over an image of ``shape``, by their pieces.

    Pixels are counted in raster order; a run is a stretch of them in one piece.

    Attributes:
        shape: Height and width.
        run_stops: Where each run ends; the first starts at 0, each other where one ends.
        run_pieces: The piece of each run.
        mask_stops: Where the pieces of each mask end in ``mask_pieces``.
        mask_pieces: Pieces, mask by mask.
        piece_stops: Where the masks of each piece end in ``piece_masks``.
        piece_masks: Masks, piece by piece.
        first_runs: Index of the first run of each mask.
        last_runs: Index after the last run of each mask; 0 for an empty mask.
    """

    shape: tuple[int, int]
    run_stops: Int[np.ndarray, " runs"]
    run_pieces: Int[np.ndarray, " runs"]
    mask_stops: Int[np.ndarray, " masks"]
    mask_pieces: Int[np.ndarray, " pairs"]
    piece_stops: Int[np.ndarray, " pieces"]
    piece_masks: Int[np.ndarray, " pairs"]
    first_runs: Int[np.ndarray, " masks"]
    last_runs: Int[np.ndarray, " masks"]

    def __len__(self) -> int:
        """How many masks there are."""
        return len(self.mask_stops)

    @property
    def nbytes(self) -> int:
        """Bytes that the arrays take in memory."""
        return sum(array.nbytes for array in self.arrays)

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """All arrays, in the order of the fields."""
        return (
            *(self.run_stops, self.run_pieces, self.mask_stops, self.mask_pieces),
            *(self.piece_stops, self.piece_masks, self.first_runs, self.last_runs),
        )

    def spread(self, by_piece: np.ndarray) -> np.ndarray:
        """A value per pixel (``h w``) from one per piece."""
        lengths = np.diff(self.run_stops, prepend=0)
        return np.repeat(by_piece[self.run_pieces], lengths).reshape(self.shape)

    @classmethod
    def of(cls, masks: Bool[np.ndarray, "m h w"]) -> "Segments":
        """Any masks, which may overlap and leave pixels out."""
        pixels = [np.flatnonzero(mask).astype(np.int32) for mask in masks]
        stops = np.cumsum([len(places) for places in pixels])
        return _cut(masks.shape[1:], [(stops, np.concatenate(pixels))])


def segments_of(image: Float[np.ndarray, "h w c"], dilation: int) -> Segments:
    """Segments of an image, widened by a disk of the radius ``dilation``; remembered."""
    image = np.ascontiguousarray(image)
    digest = hashlib.blake2b(image.tobytes())
    # Images of other shapes may have the same bytes.
    digest.update(f"{image.shape} {image.dtype}".encode())
    key = (digest.digest(), dilation)
    with _lock:
        if key in _cache:
            _cache.move_to_end(key)
            return _cache[key]
    segments = _cut(image.shape[:2], (_widened(labels, dilation) for labels in labels_of(image)))
    with _lock:
        _cache[key] = segments
        # The newest stays, even where it alone is larger than the cache.
        held = sum(kept.nbytes for kept in _cache.values())
        while held > CACHE_BYTES and len(_cache) > 1:
            held -= _cache.popitem(last=False)[1].nbytes
    return segments


def labels_of(image: Float[np.ndarray, "h w c"]) -> list[Int[np.ndarray, "h w"]]:
    """A label per pixel, scale by scale, before masks are widened."""
    low, high = image.min(), image.max()
    scaled = (image - low) / (high - low) * 2.0 - 1.0 if high > low else np.zeros_like(image)
    plain = {"mode": "constant", "preserve_range": True}
    small = resize(scaled, (SIDE, SIDE), order=3, anti_aliasing=True, **plain)  # type: ignore[no-untyped-call]
    cuts = [felzenszwalb(small, scale=s, sigma=SIGMA, min_size=MIN_SIZE) for s in SCALES]
    # One resized map of indices serves all scales.
    indices = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    nearest = resize(indices, image.shape[:2], order=0, anti_aliasing=False, **plain)  # type: ignore[no-untyped-call]
    return [labels.ravel()[nearest.astype(int)] for labels in cuts]


def _widened(labels: Int[np.ndarray, "h w"], radius: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of each label's mask, and where each mask ends among them."""
    across = np.arange(-radius, radius + 1)
    half_widths = np.sqrt(radius**2 - across**2).astype(np.int64)
    return _stops_and_pixels(labels - labels.min(), half_widths)  # type: ignore[no-any-return]


def _cut(shape: Sequence[int], masks: Iterable[tuple[np.ndarray, np.ndarray]]) -> Segments:
    """Segments from pixels of masks, given in groups as ``_widened`` gives them."""
    height, width = shape
    pieces = np.zeros(height * width, np.int32)
    # A tree: the root is the whole image, and each mask splits leaves, so no mask is an array.
    parents, added = np.full(1, -1, np.int32), np.full(1, -1, np.int32)
    count = 0
    for stops, pixels in masks:
        parents, added = _refine(pieces, parents, added, count, stops, pixels)
        count += len(stops)
    return Segments((height, width), *_index(pieces, parents, added, count))


@njit(cache=True)
@no_type_check
def _stops_and_pixels(labels: Any, half_widths: Any) -> Any:
    height, width = labels.shape
    flat = labels.ravel()
    stops = np.zeros(flat.max() + 2, np.int64)
    for label in flat:
        stops[label + 1] += 1
    stops = np.cumsum(stops)
    members = np.empty(len(flat), np.int32)
    place = stops.copy()
    for pixel in range(len(flat)):
        members[place[flat[pixel]]] = pixel
        place[flat[pixel]] += 1
    radius = len(half_widths) // 2
    owner = np.full(len(flat), -1, np.int32)
    pixels = np.empty(2 * len(flat), np.int32)
    ends = np.empty(len(stops) - 1, np.int64)
    size = 0
    for label in range(len(ends)):
        if size + len(flat) > len(pixels):  # a mask may be as large as the image
            pixels = np.concatenate((pixels, np.empty(len(pixels) + len(flat), np.int32)))
        for pixel in members[stops[label] : stops[label + 1]]:
            owner[pixel] = label
            pixels[size] = pixel
            size += 1
        for pixel in members[stops[label] : stops[label + 1]]:
            y, x = pixel // width, pixel % width
            # The disks of all pixels cover no more than those of the pixels at the outline.
            inside = (
                (y == 0 or labels[y - 1, x] == label)
                and (y == height - 1 or labels[y + 1, x] == label)
                and (x == 0 or labels[y, x - 1] == label)
                and (x == width - 1 or labels[y, x + 1] == label)
            )
            if inside:
                continue
            for row in range(max(0, y - radius), min(height, y + radius + 1)):
                half = half_widths[row - y + radius]
                for column in range(max(0, x - half), min(width, x + half + 1)):
                    near = row * width + column
                    if owner[near] != label:
                        owner[near] = label
                        pixels[size] = near
                        size += 1
        ends[label] = size
    return ends, pixels[:size].copy()


@njit(cache=True)
@no_type_check
def _refine(pieces: Any, parents: Any, added: Any, first: Any, stops: Any, pixels: Any) -> Any:
    """Split each piece by each mask; a new piece has the masks of its parent and the one added."""
    used = len(parents)
    seen = np.full(used, -1, np.int32)  # the last mask that split a piece, and into what
    child = np.empty(used, np.int32)
    start = 0
    for index in range(len(stops)):
        mask = first + index
        for pixel in pixels[start : stops[index]]:
            piece = pieces[pixel]
            if seen[piece] != mask:
                if used == len(parents):  # full: how many pieces there will be is not known
                    room = np.full(used + 1024, -1, np.int32)
                    parents = np.concatenate((parents, room))
                    added = np.concatenate((added, room))
                    seen = np.concatenate((seen, room))
                    child = np.concatenate((child, room))
                seen[piece] = mask
                child[piece] = used
                parents[used], added[used] = piece, mask
                used += 1
            pieces[pixel] = child[piece]
        start = stops[index]
    return parents[:used].copy(), added[:used].copy()


@njit(cache=True)
@no_type_check
def _index(pieces: Any, parents: Any, added: Any, masks: Any) -> Any:
    """What ``Segments`` holds; pieces that were split up altogether are left out."""
    name = np.full(len(parents), -1, np.int32)
    origin = np.empty(len(parents), np.int32)
    count, runs = 0, 0
    for pixel in range(len(pieces)):
        if name[pieces[pixel]] < 0:
            name[pieces[pixel]] = count
            origin[count] = pieces[pixel]
            count += 1
        if pixel == 0 or pieces[pixel] != pieces[pixel - 1]:
            runs += 1
    run_stops, run_pieces = np.empty(runs, np.int32), np.empty(runs, np.int32)
    run = -1
    for pixel in range(len(pieces)):
        if pixel == 0 or pieces[pixel] != pieces[pixel - 1]:
            run += 1
            run_pieces[run] = name[pieces[pixel]]
        run_stops[run] = pixel + 1
    piece_stops, mask_stops = np.zeros(count, np.int32), np.zeros(masks, np.int32)
    for piece in range(count):
        node = origin[piece]
        while parents[node] >= 0:
            piece_stops[piece] += 1
            mask_stops[added[node]] += 1
            node = parents[node]
    place = np.cumsum(mask_stops) - mask_stops
    piece_stops = np.cumsum(piece_stops).astype(np.int32)
    mask_stops = np.cumsum(mask_stops).astype(np.int32)
    pairs = 0 if count == 0 else piece_stops[-1]
    piece_masks, mask_pieces = np.empty(pairs, np.int32), np.empty(pairs, np.int32)
    pair = 0
    for piece in range(count):
        node = origin[piece]
        while parents[node] >= 0:
            piece_masks[pair] = added[node]
            mask_pieces[place[added[node]]] = piece
            place[added[node]] += 1
            pair += 1
            node = parents[node]
    first_runs, last_runs = np.full(masks, runs, np.int32), np.zeros(masks, np.int32)
    for run in range(runs):
        piece = run_pieces[run]
        for pair in range(0 if piece == 0 else piece_stops[piece - 1], piece_stops[piece]):
            mask = piece_masks[pair]
            first_runs[mask] = min(first_runs[mask], run)
            last_runs[mask] = run + 1
    return (
        run_stops,
        run_pieces,
        mask_stops,
        mask_pieces,
        piece_stops,
        piece_masks,
        first_runs,
        last_runs,
    )
