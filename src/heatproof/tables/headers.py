"""Headers: how each film is stored, and how its grey values come about."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table

MEMORY = "memory"
"""The format of a film that no file holds."""


class Headers(Table):
    """One row per film of every data set; of a film that no file holds, its size alone."""

    name: ClassVar[str] = "headers"
    columns: ClassVar[Mapping[str, Column]] = {
        "data": Column(pl.String, "name of the data set"),
        "image_id": Column(pl.String, "identifier of the film, unique in its data set"),
        "format": Column(
            pl.String,
            "`DICOM`, `PNG`, `JPEG` or `TIFF`, as the content of the file tells; `memory`: drawn, "
            "or given by a program",
        ),
        "height": Column(pl.Int64, "pixels down"),
        "width": Column(pl.Int64, "pixels across"),
        "bits": Column(pl.Int64, "bits of a stored value (of one channel); null: in memory"),
        "photometric": Column(
            pl.String,
            "what stored values mean, such as `MONOCHROME1` (low values are bright), `grey`, "
            "`colour` or `palette`; what the data set says in place of the file comes first; "
            "null: in memory",
        ),
        "levels": Column(
            pl.String,
            "which values become black and white: `0 to 255`, `window`, `VOI LUT`, `smallest to "
            "largest pixel` or `percentiles 1 to 99`; null: in memory",
        ),
        "centre": Column(
            pl.Float64, "centre of the window, in values after rescaling; null: no window"
        ),
        "window": Column(pl.Float64, "width of the window, likewise; null: no window"),
    }
