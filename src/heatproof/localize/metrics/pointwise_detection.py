"""Pointwise detection: do a film's probability and its map's peak together find the lesion?

Oquab et al., CVPR 2015, as adopted by WILDCAT (Durand et al., CVPR 2017).  Each film makes one
detection: the model's probability, at the centre of the strongest cell of the map at the method's
own resolution, brought onto the radiograph.  A *hit* lies inside a marked region, edges included.
Detections are ranked by probability, and the average precision is the sum over thresholds of (gain
in recall) x precision, without interpolation.

Published code counts a miss on a film with the finding, and what there is to recall, in four ways:

============= ==================================================== ========================
``variant``   a miss, at probability p                             recall is a share of
============= ==================================================== ========================
``image``     a false positive at p; the film is never found       films with the finding
``box``       the same, and so are regions beyond a film's first   marked regions
``sk_append`` a false positive at p, and a true positive below     films with the finding
              every other film
``qtim``      a false positive at 1, and a true positive at 0      films with the finding
============= ==================================================== ========================

In all of them a hit is a true positive at p, and a film without the finding a false positive at p.
``image`` is the definition; it lies between 0 and the hit rate, which is told beside it.
The last two are for comparison with published numbers: they pay for misses, since the true positive
that a library is handed to stand for a lesion never found is found by it all the same, last.  So
they stay above 0 without a single hit, and a hit more can lower them.

Films of equal probability are retrieved together, at one threshold, as scikit-learn does: their
order is nobody's choice, so it changes nothing.  Undefined without a film with the finding.

Where cells share the maximum, the map points at the one nearest to their centroid
(``ties="first"``: at the first in reading order).  A map that is constant or not finite points
nowhere: its film is left out, and counted as undefined.  A point on the black border of a letterbox
is a miss.
"""

from dataclasses import dataclass
from math import ceil, floor
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from heatproof.data.geometry import Geometry
from heatproof.errors import SpecError
from heatproof.localize import Detections, Reference, metrics
from heatproof.localize.metrics.hit_rate import peak


@metrics.register("pointwise_ap")
@dataclass(frozen=True)
class PointwiseAP:
    """How well the model's probability and its map's strongest point together find the lesion.
    It is 1 if every film with the finding ranks above all films without it and its map points into
    a marked region, and 0 if no map does.

    Average precision over films with the finding and without; a film is found where its map hits.

    Attributes:
        variant: What a miss costs, see the table above.
        tolerance: How far outside a region a point may lie and still hit, in pixels of the
            radiograph, across and down: each box grows by it on every side.
        ties: Which of several equal maxima is the peak.
    """

    title: ClassVar[str] = "Pointwise AP"
    per_map: ClassVar[str] = "hit rate"
    undefined: ClassVar[str] = "the map is constant or not finite"
    chance: ClassVar[float | None] = None
    sees_negatives: ClassVar[bool] = False
    variant: Literal["image", "box", "sk_append", "qtim"] = "image"
    tolerance: float = 0.0
    ties: Literal["centroid", "first"] = "centroid"

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance < float("inf"):
            raise SpecError(f"tolerance={self.tolerance}, expected pixels, at least 0")

    def of_map(
        self, saliency: Float[np.ndarray, "y x"], geometry: Geometry, reference: Reference
    ) -> Float[np.ndarray, " c"]:
        """1 for a hit, 0 for a miss, ``nan`` for a map that points nowhere."""
        cell, mask = peak(saliency, self.ties), reference.mask
        if cell is None:
            return np.array([np.nan])
        cells, size = (saliency.shape[0], saliency.shape[1]), (mask.shape[0], mask.shape[1])
        x, y = _centre(cell, cells, geometry, size)
        hit = mask[_touched(y, self.tolerance), _touched(x, self.tolerance)].any()
        return np.array([float(hit)])

    def alone(self, seen: Float[np.ndarray, " c"]) -> float:
        """Hit or miss."""
        return float(seen[0])

    def of_dataset(
        self, detections: Detections, weights: Float[np.ndarray, "b n"]
    ) -> Float[np.ndarray, " b"]:
        """Between 0 and 1; ``nan`` where no film with the finding counts."""
        negative = detections.regions == 0
        hit, miss = (~negative & (detections.seen[:, 0] == value) for value in (1, 0))
        p = detections.probabilities
        # Entries of the ranked list: which films, at which score, right or wrong.
        wrong_at = np.where(miss, 1.0, p) if self.variant == "qtim" else p
        entries = [(hit, p, True), (negative | miss, wrong_at, False)]
        if self.variant in ("sk_append", "qtim"):
            last = -np.inf if self.variant == "sk_append" else 0.0
            entries.append((miss, np.full(p.shape, last), True))
        films = np.concatenate([np.flatnonzero(who) for who, _, _ in entries])
        scores = np.concatenate([at[who] for who, at, _ in entries])
        right = np.concatenate(
            [np.full(np.count_nonzero(who), is_hit) for who, _, is_hit in entries]
        )
        sought = np.where(hit | miss, detections.regions if self.variant == "box" else 1, 0)
        return _average_precision(scores, right, films, sought, weights)


def _average_precision(
    scores: Float[np.ndarray, " e"],
    right: Bool[np.ndarray, " e"],
    films: Int[np.ndarray, " e"],
    sought: Int[np.ndarray, " n"],
    weights: Float[np.ndarray, "b n"],
) -> Float[np.ndarray, " b"]:
    """The average precision of detections, each counted as often as its film; ties make one step.

    Args:
        scores: Scores of the detections.
        right: Whether each detection is right.
        films: Number of the film of each detection.
        sought: How many detections of each film would be right.
        weights: How often each film counts.
    """
    total = weights @ sought.astype(float)
    average: np.ndarray = np.full(total.shape, np.nan)
    if not right.any():
        average[total > 0] = 0.0
        return average
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    starts = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1])))
    counted = weights[:, films[order]]
    hits = np.add.reduceat(counted * right[order], starts, axis=1)
    retrieved = np.cumsum(np.add.reduceat(counted, starts, axis=1), axis=1)
    precision = np.zeros_like(retrieved)  # before anything is retrieved, it multiplies no gain
    np.divide(np.cumsum(hits, axis=1), retrieved, out=precision, where=retrieved > 0)
    area = np.einsum("bt,bt->b", hits, precision)
    np.divide(area, total, out=average, where=total > 0)
    return average


def _centre(
    cell: tuple[int, int], cells: tuple[int, int], geometry: Geometry, size: tuple[int, int]
) -> tuple[float, float]:
    """The middle of a cell of the map, as x and y on the radiograph."""
    # A geometry scales each axis by itself, so two corners tell where everything lies.
    left, top = geometry.point(0.0, 0.0, size)
    right, bottom = geometry.point(float(size[1]), float(size[0]), size)
    x = ((cell[1] + 0.5) / cells[1] * geometry.width - left) * size[1] / (right - left)
    y = ((cell[0] + 0.5) / cells[0] * geometry.height - top) * size[0] / (bottom - top)
    # Middles often fall on edges of boxes; which side they are on is not for rounding to say.
    return round(x, 6), round(y, 6)


def _touched(position: float, tolerance: float) -> slice:
    """Pixels along one axis that a point touches, both neighbours of an edge; maybe none."""
    first, last = ceil(position - tolerance) - 1, floor(position + tolerance)
    return slice(max(first, 0), max(last + 1, 0))
