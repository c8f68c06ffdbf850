"""``score``: how well maps find what is marked."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool

from heatproof.data.annotations import Boxes, MaskFile
from heatproof.data.geometry import FILM, Geometry
from heatproof.errors import AnnotationError, MapError
from heatproof.localize import Reference, metrics
from heatproof.localize.measure import measure_map, measures
from heatproof.maps.store import StoredMap
from heatproof.types import Shape, Validity

Marks = Any
"""What is marked: a boolean mask (h w), the path of a mask file, boxes ``(x0, y0, x1, y1)``, or an
annotation's ``Shape``."""
_BOX = 4


def score(
    saliency: Any, marks: Marks, metric: str | Sequence[str] = "auprc"
) -> float | dict[str, float] | pl.DataFrame:
    """Measure a map, or a folder of maps, against what is marked.

    Args:
        saliency: A map (y x) of the whole film, at any resolution: an array, a tensor, what
            ``explain`` gives, or the path of a ``.npy`` file.  Or a folder of such files.
        marks: A boolean mask (h w) of the film, the path of a mask file, a list of boxes
            ``(x0, y0, x1, y1)`` in pixels of the map, or an annotation's shape.  Of a folder of
            maps: a folder of masks whose names, but for their ends, are those of the maps.
        metric: Spec of a localization metric, or several; ``heatproof metrics`` lists them.

    Returns:
        One number for one metric, a dictionary for several, and for folders a frame with one row
        per map (columns ``name`` and the metrics).  ``nan`` where a metric is undefined.

    Raises:
        MapError: A map is no array of two axes, or a map has no mask.
        AnnotationError: The marks do not fit the film.
        SpecError: No such metric.

    Example:
        >>> import numpy as np
        >>> mask = np.zeros((8, 8), bool)
        >>> mask[2:4, 2:4] = True
        >>> score(mask.astype(float), mask)
        1.0
        >>> score(np.eye(8), [(2, 2, 4, 4)], ["auroc", "iou"])
        {'auroc': 0.7, 'iou': 0.2}
    """
    specs = [metric] if isinstance(metric, str) else list(metric)
    if isinstance(saliency, str | PathLike) and Path(saliency).is_dir():
        return _folders(Path(saliency), marks, specs)
    values = _one(saliency, marks, specs)
    return values[specs[0]] if isinstance(metric, str) else values


def measured(
    stored: StoredMap,
    geometry: Geometry,
    marks: Marks,
    specs: Sequence[str],
    size: tuple[int, ...],
) -> dict[str, float]:
    """The values of some metrics of one map over a film of that size."""
    parts = {spec: metrics.parse(spec) for spec in specs}
    mask = mask_of(marks, size)
    shapes = (marks,) if isinstance(marks, Shape) else ()
    reference = Reference(mask, shapes)
    values = measure_map(measures(parts)("", None), stored, geometry, reference)
    return {spec: float(values[spec]["value"]) for spec in specs}


def mask_of(marks: Marks, size: tuple[int, ...]) -> Bool[np.ndarray, "h w"]:
    """The marked pixels of a film of that size (height, width); raises AnnotationError."""
    height, width = size[0], size[1]
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
    if values.ndim == 2 and values.shape[1] == _BOX:  # noqa: PLR2004  boxes by corners
        return Boxes(tuple(map(tuple, values.tolist()))).mask(height, width)
    raise AnnotationError(
        f"marks of shape {values.shape} for a film of {height} x {width}; expected a mask of that"
        " size, or boxes (x0, y0, x1, y1)"
    )


def _one(saliency: Any, marks: Marks, specs: Sequence[str]) -> dict[str, float]:
    from heatproof.interactive.film_map import FilmMap

    if isinstance(saliency, FilmMap):
        stored = StoredMap(saliency.native, saliency.validity)
        return measured(stored, saliency.geometry, marks, specs, saliency.film.shape)
    if isinstance(saliency, str | PathLike):
        saliency = np.load(saliency, allow_pickle=False)
    detached = saliency.detach().cpu() if hasattr(saliency, "detach") else saliency
    values = np.asarray(detached, np.float32)
    if values.ndim != 2:  # noqa: PLR2004  rows and columns
        raise MapError(f"a map has shape {values.shape}; expected rows x columns")
    stored = StoredMap(values, Validity.of_range(float(values.min()), float(values.max())))
    return measured(stored, FILM, marks, specs, _size(marks, values.shape))


def _size(marks: Marks, of_map: tuple[int, ...]) -> tuple[int, ...]:
    """Size of the film: that of the mask where it has one, else that of the map."""
    if isinstance(marks, str | PathLike):
        from heatproof.data.mask_files import size_of

        return size_of(Path(marks))
    values = None if isinstance(marks, Shape) else np.asarray(marks)
    is_mask = values is not None and values.ndim == 2 and values.shape[1] != _BOX  # noqa: PLR2004
    return values.shape if is_mask and values is not None else of_map


def _folders(maps: Path, masks: Any, specs: Sequence[str]) -> pl.DataFrame:
    if not (isinstance(masks, str | PathLike) and Path(masks).is_dir()):
        raise MapError(f"{maps} is a folder of maps; expected a folder of masks beside it")
    by_name: Mapping[str, Path] = {path.stem: path for path in sorted(Path(masks).iterdir())}
    files = sorted(maps.glob("*.npy"))
    if not files:
        raise MapError(f"{maps} holds no .npy file; expected one map (y x) a file")
    lacking = [path.name for path in files if path.stem not in by_name]
    if lacking:
        raise MapError(
            f"{masks} has no mask for {lacking[0]} and {len(lacking) - 1} more; expected a file"
            f" named {Path(lacking[0]).stem}.png, for example"
        )
    rows = [{"name": path.stem, **_one(path, by_name[path.stem], specs)} for path in files]
    return pl.DataFrame(rows)
