"""Maps made: which maps the store holds."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table
from heatproof.tables.predictions import FORMER, MODELS


class MapsMade(Table):
    """One row per map."""

    name: ClassVar[str] = "made"
    columns: ClassVar[Mapping[str, Column]] = MODELS | {
        "finding": Column(pl.String, "what the map explains"),
        "method": Column(pl.String, "spec of the method"),
        "validity": Column(pl.String, "whether the map may be read as one: ok, or why not"),
        "height": Column(pl.Int32, "rows of the map as the method made it"),
        "width": Column(pl.Int32, "columns of the map as the method made it"),
    }
    former: ClassVar[Mapping[str, str]] = FORMER
