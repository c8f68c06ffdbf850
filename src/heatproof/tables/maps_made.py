"""Maps made: one row for every map in the store."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table
from heatproof.tables.predictions import FORMER, MODELS, VALIDITY


class MapsMade(Table):
    """One row per map."""

    name: ClassVar[str] = "made"
    columns: ClassVar[Mapping[str, Column]] = MODELS | {
        "finding": Column(pl.String, "name of the finding that the map explains"),
        "method": Column(pl.String, "spec of the method"),
        "validity": VALIDITY,
        "height": Column(pl.Int32, "height of the map in cells, at the resolution of the method"),
        "width": Column(pl.Int32, "width of the map in cells, at the resolution of the method"),
    }
    former: ClassVar[Mapping[str, str]] = FORMER
