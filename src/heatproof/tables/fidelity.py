"""Fidelity: how true the maps of a model are to it, by what it says where parts are hidden."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table
from heatproof.tables.films import CLUSTER
from heatproof.tables.predictions import MODELS


class FidelityOfMaps(Table):
    """One row per map and metric of fidelity."""

    name: ClassVar[str] = "fidelity"
    columns: ClassVar[Mapping[str, Column]] = MODELS | {
        "cluster": CLUSTER,
        "finding": Column(pl.String, "name of the finding that the map explains"),
        "method": Column(pl.String, "spec of the method"),
        "metric": Column(pl.String, "spec of the metric of fidelity"),
        "value": Column(
            pl.Float64,
            "what the metric says of the map, in its own unit; nan: undefined, such as a "
            "correlation of a constant map",
        ),
        "chance": Column(
            pl.Float64,
            "what it says of the same map with its cells shuffled; nan: undefined, or the metric "
            "has no chance",
        ),
    }
