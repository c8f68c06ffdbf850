"""Marks in any form, and one map measured against them."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from heatproof.data.annotations import Boxes, MaskFile
from heatproof.data.annotations.mask_files import size_of
from heatproof.data.geometry import Geometry
from heatproof.errors import AnnotationError
from heatproof.localize import Reference, metrics
from heatproof.localize.measure import measure_map, measures
from heatproof.maps.store import StoredMap
from heatproof.types import Shape

Marks = Any
"""What is marked: a mask (h w) of truths, or of 0 and 1; the path of a mask file, or of an array
(``.npy``); boxes ``(x0, y0, x1, y1)``; or an annotation's ``Shape``."""
Spacing = tuple[float, float] | None
_BOX = 4  # numbers of a box
_AXES = 2  # of a mask, and of a list of boxes


def measured(
    stored: StoredMap,
    geometry: Geometry,
    marks: Marks,
    specs: Sequence[str],
    size: tuple[int, ...],
    spacing: Spacing = None,
) -> dict[str, float]:
    """The values of some metrics of one map.

    Args:
        stored: The map.
        geometry: Brings it over the film.
        marks: What is marked on the film.
        specs: Specs of metrics; of a metric of data sets, what the map does alone.
        size: Height and width of the film.
        spacing: Millimetres from pixel to pixel of the film, down and across, where known.
    """
    parts = {spec: metrics.parse(spec) for spec in specs}
    mask = mask_of(marks, size)
    shapes = (marks,) if isinstance(marks, Shape) else ()
    reference = Reference(mask, shapes)
    values = measure_map(measures(parts)("", spacing), stored, geometry, reference)
    return {spec: float(values[spec]["value"]) for spec in specs}


def mask_of(marks: Marks, size: tuple[int, ...]) -> Bool[np.ndarray, "h w"]:
    """The marked pixels of a film of that size (height, width); raises AnnotationError."""
    height, width = size[0], size[1]
    marks = _loaded(marks)
    if isinstance(marks, str | PathLike):
        marks = MaskFile(Path(marks))
    if isinstance(marks, Shape):
        return marks.mask(height, width)
    values = np.asarray(marks)
    if values.shape == (height, width):
        if values.dtype != bool and not np.isin(values, (0, 1)).all():
            raise AnnotationError("a mask holds other values than 0 and 1; give mask > 0")
        return values.astype(bool)
    if values.shape == (_BOX,):
        values = values[None]
    if values.ndim == _AXES and values.shape[1] == _BOX:
        return Boxes(tuple(map(tuple, values.tolist()))).mask(height, width)
    raise AnnotationError(
        f"marks of shape {values.shape} for a film of {height} x {width}; expected a mask of that"
        " size, or boxes (x0, y0, x1, y1)"
    )


def film_size(marks: Marks, otherwise: tuple[int, ...]) -> tuple[int, ...]:
    """Height and width of the film: those of a mask, and others where the marks do not tell."""
    marks = _loaded(marks)
    if isinstance(marks, str | PathLike):
        return size_of(Path(marks))
    if isinstance(marks, Shape):
        return otherwise
    values = np.asarray(marks)
    is_mask = values.ndim == _AXES and values.shape[1] != _BOX
    return values.shape if is_mask else otherwise


def _loaded(marks: Marks) -> Marks:
    """The array of a ``.npy`` file; other marks as they are."""
    if isinstance(marks, str | PathLike) and Path(marks).is_dir():
        raise AnnotationError(
            f"{marks} is a folder: masks of many films go with a folder of maps of the same names"
        )
    if not (isinstance(marks, str | PathLike) and Path(marks).suffix == ".npy"):
        return marks
    try:
        return np.load(marks, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise AnnotationError(f"{marks}: cannot be read as a NumPy array: {error}") from error
