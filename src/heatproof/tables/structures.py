"""Structures: how much of a map lies on something that is no finding."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table
from heatproof.tables.predictions import FORMER, MODELS


class OnStructures(Table):
    """One row per map and structure on its film."""

    name: ClassVar[str] = "structures"
    columns: ClassVar[Mapping[str, Column]] = MODELS | {
        "cluster": Column(
            pl.String, "the patient, or the film where the patient is unknown: resampled as one"
        ),
        "finding": Column(pl.String, "what the map explains"),
        "method": Column(pl.String, "spec of the method"),
        "structure": Column(pl.String, "what else was marked on the film, such as a tag"),
        "share": Column(
            pl.Float64, "of the map's positive relevance, in [0, 1]; nan: the map has none"
        ),
        "peak": Column(pl.Float64, "1 where the map's peak lies on the structure, else 0"),
        "area": Column(pl.Float64, "share of the film that the structure takes, in [0, 1]"),
    }
    former: ClassVar[Mapping[str, str]] = FORMER
