"""The shape of a finding, in the four numbers that Saporta et al. 2022 regress on.

================= ===============================================================================
instances         how many things the reader drew (contours, boxes), not parts of the raster
area ratio        pixels of all instances, as a share of the radiograph
elongation        long side by short side of the minimum-area rectangle around the dominant one
irrectangularity  1 - area of the dominant one / area of that rectangle
================= ===============================================================================

By default the dominant instance has the longest outline, and rectangle and area are of its pixels,
each a square.  ``measure="published"`` is what the authors' code does: the dominant outline has
the most points, outlines of holes compete, and rectangle and polygon run through the *centres* of
border pixels, so that a line one pixel wide has an infinite elongation and no irrectangularity (a
single pixel has neither).

Nothing marked: no instances, area 0, the other two ``nan``.
Source: https://doi.org/10.1038/s42256-022-00536-x, section "Geometric features" and public code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Bool, Int

from heatproof.data.annotations import Polygons
from heatproof.types import Annotation, Shape

Measuring = Literal["pixels", "published"]
Instances = Literal["merged", "own_only"]
CONTAINED = {"Enlarged Cardiomediastinum": "Cardiomegaly"}
"""Findings of CheXlocalize whose contours are copied into another one, by that other one."""
_CORNERS = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])  # of a pixel, in halves


@dataclass(frozen=True)
class LesionGeometry:
    """The shape of one finding on one radiograph."""

    instances: int
    area_ratio: float
    elongation: float
    irrectangularity: float


def geometry(
    mask: Bool[np.ndarray, "h w"], instances: int, measure: Measuring = "pixels"
) -> LesionGeometry:
    """Measure the shape of what is marked.

    Args:
        mask: All pixels of the finding, at the size of the radiograph.
        instances: As drawn (``instances_drawn``); counted only where the mask is not empty.
        measure: How the dominant instance is found and measured.
    """
    marked = int(np.count_nonzero(mask))
    if marked == 0:
        return LesionGeometry(0, 0.0, float("nan"), float("nan"))
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    inside = mask[y : y + height, x : x + width]  # of a large film a small part
    shape = _published(inside) if measure == "published" else _pixels(inside)
    return LesionGeometry(instances, marked / mask.size, *shape)


def instances_drawn(
    annotations: Sequence[Annotation], finding: str, source: str, count: Instances = "merged"
) -> int:
    """How many things one reader drew for one finding.

    Args:
        annotations: Annotations of one film.
        finding: The finding that is counted.
        source: The reader.
        count: ``"own_only"`` leaves out contours that were copied from another finding
            (``CONTAINED``), where both were drawn as polygons.
    """
    drawn, copied = (
        [a.shape for a in annotations if (a.finding, a.source) == (name, source)]
        for name in (finding, CONTAINED.get(finding, ""))
    )
    total = sum(shape.instances for shape in drawn)
    if count == "merged":
        return total
    copies = {contour for shape in copied for contour in _contours(shape)}
    return total - sum(contour in copies for shape in drawn for contour in _contours(shape))


def _contours(shape: Shape) -> tuple[tuple[tuple[float, float], ...], ...]:
    return shape.contours if isinstance(shape, Polygons) else ()


def _pixels(mask: Bool[np.ndarray, "h w"]) -> tuple[float, float]:
    """Elongation and irrectangularity of the instance with the longest outline."""
    outlines = _outlines(mask, cv2.RETR_EXTERNAL)
    dominant = max(outlines, key=lambda outline: cv2.arcLength(outline, True))
    x, y, width, height = cv2.boundingRect(dominant)
    here = mask[y : y + height, x : x + width].astype(np.uint8)
    # The box may hold pixels of other parts, so only the part of this outline is counted.
    _, parts = cv2.connectedComponents(here, connectivity=8)
    column, row = dominant[0, 0] - (x, y)
    area = int(np.count_nonzero(parts == parts[row, column]))
    # Doubled coordinates keep the corners of pixels whole numbers, as the hull takes them.
    long, short = (side / 2 for side in _sides((2 * dominant + _CORNERS).reshape(-1, 2)))
    return long / short, 1 - area / (long * short)


def _published(mask: Bool[np.ndarray, "h w"]) -> tuple[float, float]:
    """Elongation and irrectangularity as the authors' code measures them."""
    dominant = max(_outlines(mask, cv2.RETR_LIST), key=len)
    long, short = _sides(dominant.reshape(-1, 2))
    if short == 0:
        return (float("inf") if long else float("nan")), float("nan")
    return long / short, 1 - cv2.contourArea(dominant) / (long * short)


def _outlines(mask: Bool[np.ndarray, "h w"], which: int) -> Sequence[np.ndarray]:
    """The centres of all border pixels, as ``(x, y)``."""
    outlines: Sequence[np.ndarray] = cv2.findContours(
        mask.astype(np.uint8), which, cv2.CHAIN_APPROX_NONE
    )[0]
    return outlines


def _sides(points: Int[np.ndarray, "n 2"]) -> tuple[float, float]:
    """Long and short side of the smallest rectangle around the points; of equal ones the squarest.

    It has a side in common with the convex hull.  OpenCV's own ``minAreaRect`` does the same in
    single precision, where equal rectangles are told apart by rounding.
    """
    hull = cv2.convexHull(points.astype(np.int32)).reshape(-1, 2).astype(float)
    if len(hull) < 3:  # noqa: PLR2004 - a line, or a point
        return float(np.linalg.norm(hull[-1] - hull[0])), 0.0
    edges = np.roll(hull, -1, axis=0) - hull
    along = edges / np.linalg.norm(edges, axis=1, keepdims=True)
    across = along[:, ::-1] * [1, -1]
    sides = np.stack([np.ptp(hull @ direction.T, axis=0) for direction in (along, across)])
    areas = sides.prod(axis=0)
    smallest = sides[:, np.isclose(areas, areas.min(), rtol=1e-12, atol=1e-12)]
    long, short = smallest[:, smallest.max(axis=0).argmin()]
    return max(float(long), float(short)), min(float(long), float(short))
