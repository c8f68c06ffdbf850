"""``score``: how well maps find what is marked."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float32

from heatproof.data.geometry import FILM
from heatproof.errors import MapError
from heatproof.interactive.film_map import FilmMap
from heatproof.interactive.measuring import Marks, film_size, measured
from heatproof.maps.store import StoredMap
from heatproof.types import Validity
from heatproof.words import listed

_AXES = 2  # of a map


def score(
    saliency: Any, marks: Marks, metric: str | Sequence[str] = "auprc"
) -> float | dict[str, float] | pl.DataFrame:
    """Measure a map, or a folder of maps, against what is marked.

    Args:
        saliency: A map (y x) of the whole film, at any resolution: an array, a tensor, what
            ``explain`` gives, or the path of a ``.npy`` file.  Or a folder of such files.
        marks: A boolean mask (h w) of the film, the path of a mask file or of a mask as ``.npy``, a
            list of boxes ``(x0, y0, x1, y1)`` in pixels of the map, or an annotation's shape.  Of a
            folder of maps: a folder of masks whose names, but for their ends, are those of the
            maps.
        metric: Spec of a localization metric, or several; ``heatproof metrics`` lists them.  A
            metric of data sets, such as ``pointwise_ap``, says what the map does alone.

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


def _one(saliency: Any, marks: Marks, specs: Sequence[str]) -> dict[str, float]:
    if isinstance(saliency, FilmMap):
        return saliency.scores(marks, specs)
    values = _read(saliency)
    validity = Validity.of_range(float(values.min()), float(values.max()))
    size = film_size(marks, values.shape)
    return measured(StoredMap(values, validity), FILM, marks, specs, size)


def _read(saliency: Any) -> Float32[np.ndarray, "y x"]:
    """A map in whatever form it comes, as an array."""
    if isinstance(saliency, str | PathLike):
        if not Path(saliency).exists():
            raise MapError(f"{saliency}: there is no such file or folder of maps")
        try:
            saliency = np.load(saliency, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise MapError(f"{saliency}: cannot be read as a NumPy array: {error}") from error
    values = np.asarray(saliency.detach().cpu() if hasattr(saliency, "detach") else saliency)
    if values.ndim != _AXES or not values.size or values.dtype.kind not in "biuf":
        raise MapError(
            f"a map of shape {values.shape} and type {values.dtype}; expected numbers in rows and"
            " columns"
        )
    return values.astype(np.float32)


def _folders(maps: Path, masks: Any, specs: Sequence[str]) -> pl.DataFrame:
    if not (isinstance(masks, str | PathLike) and Path(masks).is_dir()):
        raise MapError(f"{maps} is a folder of maps; expected a folder of masks beside it")
    by_name = {path.stem: path for path in sorted(Path(masks).iterdir())}
    files = sorted(maps.glob("*.npy"))
    if not files:
        raise MapError(f"{maps} holds no .npy file; expected one map (y x) a file")
    lacking = [path.name for path in files if path.stem not in by_name]
    if lacking:
        raise MapError(
            f"{masks} has no mask for {listed(lacking, 3)}; expected a file named"
            f" {Path(lacking[0]).stem}.png, for example"
        )
    rows = [{"name": path.stem, **_one(path, by_name[path.stem], specs)} for path in files]
    return pl.DataFrame(rows)
