"""What padding adds to a film, and what a crop takes off.

Padding shows nothing, so that relevance on it is a fault of the network or of the method; a map
over the film does not show it.  What is marked and cut off, no map can find.
"""

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
from jaxtyping import Float

from heatproof.data.annotations.references import union
from heatproof.data.geometry import Placing, fills_canvas
from heatproof.errors import AnnotationError, PixelError
from heatproof.maps.store import MapStore
from heatproof.stages.blocks import Judged
from heatproof.stages.framing import geometry_of
from heatproof.types import MapKey, Sample
from heatproof.words import count

LOOKED_AT = 50  # films of a data set: a mean over that many is known well enough for a warning
_CUT, _PADDED = 0.01, 0.05  # shares of what is marked, and of relevance, that are told


def beside_the_film(judged: Sequence[Judged], store: Callable[[str], MapStore]) -> tuple[str, ...]:
    """Warnings of relevance on padding, and of marks that a crop cuts off.

    Args:
        judged: Models and data sets.
        store: The maps of a data set.
    """
    warnings: list[str] = []
    for record in judged:
        geometry = geometry_of(record)
        if not isinstance(geometry, Placing) or fills_canvas(geometry) or not record.methods:
            continue
        marked = [sample for sample in record.samples if sample.annotations][:LOOKED_AT]
        warnings += _cut(record, geometry, marked)
        films = record.samples[:LOOKED_AT]
        for method in record.methods:
            warnings += _on_padding(record, geometry, method, films, store(record.data))
    return tuple(dict.fromkeys(warnings))


def _cut(record: Judged, geometry: Placing, samples: Sequence[Sample]) -> Iterator[str]:
    """Where a crop cuts much of what is marked."""
    shares = [share for sample in samples if (share := _share_cut(geometry, sample)) is not None]
    if shares and np.mean(shares) > _CUT:
        yield (
            f"The crop of {record.model} cuts off {np.mean(shares):.0%} of what is marked on"
            f" {record.data} ({count(len(shares), 'film')} looked at): no map can find that, and"
            " scores count it as missed."
        )


def _share_cut(geometry: Placing, sample: Sample) -> float | None:
    try:
        size = sample.pixels.size()
        marked = union(sample.annotations, size)
    except (AnnotationError, PixelError):
        return None  # the report lists the film, with its reason, where it was to be scored
    return 1 - float(geometry.seen(size)[marked].mean()) if marked.any() else None


def _on_padding(
    record: Judged, geometry: Placing, method: str, samples: Sequence[Sample], store: MapStore
) -> Iterator[str]:
    """Where much relevance lies on padding."""
    shares, areas = [], []
    for sample in samples:
        keys = [
            MapKey(record.id, method, sample.image_id, finding)
            for finding in record.blocks[0].findings
        ]
        kept = [store.get(key).values for key in keys if key in store]
        padding = _padding(geometry, sample) if kept else None
        if padding is None or not padding.any():
            continue
        areas.append(float(padding.mean()))
        shares += [share for values in kept if (share := on_padding(values, padding)) is not None]
    if shares and np.mean(shares) > _PADDED:
        yield (
            f"{np.mean(shares):.0%} of the relevance of {method} for {record.model} on"
            f" {record.data} lies on padding, which is {np.mean(areas):.0%} of the input and shows"
            " nothing; maps over films do not show it."
        )


def _padding(geometry: Placing, sample: Sample) -> Float[np.ndarray, "y x"] | None:
    try:
        whole = np.ones(sample.pixels.size(), bool)
    except PixelError:
        return None
    return 1 - geometry.mask(whole).astype(np.float32)


def on_padding(
    values: Float[np.ndarray, "y x"], padding: Float[np.ndarray, "height width"]
) -> float | None:
    """The share of a map's positive relevance on padding; None where there is none.

    Args:
        values: The map, at its own resolution.
        padding: 1 where the canvas shows no film, 0 elsewhere.
    """
    relevance = np.maximum(values.astype(np.float64), 0)
    if not np.isfinite(relevance).all() or relevance.sum() <= 0:
        return None
    rows, columns = values.shape
    covered = cv2.resize(padding, (columns, rows), interpolation=cv2.INTER_AREA)
    return float((relevance * covered).sum() / relevance.sum())
