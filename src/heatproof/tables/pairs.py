"""Pairs: how similar the maps are that a criterion of trust compares."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table


class Pairs(Table):
    """One row per pair of maps and similarity."""

    name: ClassVar[str] = "trust"
    columns: ClassVar[Mapping[str, Column]] = {
        "criterion": Column(pl.String, "spec of the criterion of trust"),
        "data": Column(pl.String, "name of the data set"),
        "finding": Column(pl.String, "name of the finding that the maps explain"),
        "method": Column(
            pl.String, "spec of the method; `readers`: the masks of two readers are compared"
        ),
        "similarity": Column(pl.String, "spec of the similarity"),
        "image_id": Column(pl.String, "identifier of the film of the first map"),
        "image_id_b": Column(
            pl.String, "identifier of the film of the second map; the same where it is one film"
        ),
        "cluster": Column(
            pl.String, "patient of the first film, or the film itself where the patient is unknown"
        ),
        "cluster_b": Column(
            pl.String, "patient of the second film, or the film itself where the patient is unknown"
        ),
        "model_a": Column(pl.String, "member (trained network), or reader, behind the first map"),
        "model_b": Column(pl.String, "member (trained network), or reader, behind the second map"),
        "step": Column(
            pl.String,
            "block that was randomized last, or how the film or the model was changed; empty: the "
            "criterion has no steps",
        ),
        "draw": Column(
            pl.Int32, "number of the draw of random weights, from 0; -1: no weights were drawn"
        ),
        "population": Column(
            pl.String,
            "`same film`: the pair that the criterion asks about; `different films` and `random "
            "pairs`: pairs of films of two patients, which it is compared with",
        ),
        "value": Column(pl.Float64, "the similarity of the two maps; nan: undefined"),
        "validity_a": Column(pl.String, "validity of the first map, as in `scores`"),
        "validity_b": Column(pl.String, "validity of the second map, as in `scores`"),
    }
