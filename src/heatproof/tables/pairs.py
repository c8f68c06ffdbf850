"""Pairs: maps that a criterion of trust compares, and how similar they are."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table


class Pairs(Table):
    """One row per pair of maps and similarity."""

    name: ClassVar[str] = "trust"
    columns: ClassVar[Mapping[str, Column]] = {
        "criterion": Column(pl.String, "spec of the criterion"),
        "data": Column(pl.String, "name of the data set"),
        "finding": Column(pl.String, "what the maps explain"),
        "method": Column(pl.String, "spec of the method; `readers` of readers' masks"),
        "similarity": Column(pl.String, "spec of what compares them"),
        "image_id": Column(pl.String, "the film of the first map"),
        "image_id_b": Column(
            pl.String, "the film of the second map: the same unless the population says otherwise"
        ),
        "cluster": Column(pl.String, "patient of the first film, or the film itself"),
        "cluster_b": Column(pl.String, "patient of the second film, or the film itself"),
        "model_a": Column(pl.String, "the trained network, or the reader, behind the first map"),
        "model_b": Column(pl.String, "the trained network, or the reader, behind the second map"),
        "step": Column(
            pl.String, "the last block randomized, or the level of a change; empty without one"
        ),
        "draw": Column(pl.Int32, "number of the draw of random weights; -1 where none were drawn"),
        "population": Column(pl.String, "`same film`, `different films` or `random pairs`"),
        "value": Column(pl.Float64, "the similarity; nan: undefined"),
        "validity_a": Column(pl.String, "of the first map: ok, or why it cannot be read as one"),
        "validity_b": Column(pl.String, "of the second map: ok, or why it cannot be read as one"),
    }
