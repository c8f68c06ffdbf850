"""Structures: how much of a map lies on something that is not the finding, such as a tag."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table
from heatproof.tables.films import CLUSTER
from heatproof.tables.predictions import FORMER, MODELS


class OnStructures(Table):
    """One row per map and structure on its film."""

    name: ClassVar[str] = "structures"
    columns: ClassVar[Mapping[str, Column]] = MODELS | {
        "cluster": CLUSTER,
        "finding": Column(pl.String, "name of the finding that the map explains"),
        "method": Column(pl.String, "spec of the method"),
        "structure": Column(pl.String, "name of the structure, such as a tag or a tube"),
        "share": Column(
            pl.Float64,
            "share of the map's positive relevance that lies on the structure, in [0, 1]; nan: the "
            "map has none",
        ),
        "peak": Column(
            pl.Float64,
            "1: the peak of the map lies on the structure; 0: elsewhere; nan: the map is constant",
        ),
        "area": Column(pl.Float64, "share of the film that the structure covers, in [0, 1]"),
    }
    former: ClassVar[Mapping[str, str]] = FORMER
