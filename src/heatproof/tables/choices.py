"""Choices: what tuning films chose of what metrics leave open."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table


class Choices(Table):
    """One row per metric, model, method and finding."""

    name: ClassVar[str] = "tuned"
    columns: ClassVar[Mapping[str, Column]] = {
        "data": Column(pl.String, "the tuning films"),
        "model": Column(pl.String, "empty of controls"),
        "method": Column(pl.String, "spec of the method, or name of the control"),
        "metric": Column(pl.String, "spec of the metric"),
        "finding": Column(pl.String, "what is looked for"),
        "value": Column(pl.Float64, "that was chosen"),
        "score": Column(pl.Float64, "what the metric reaches with it on the tuning films"),
        "cases": Column(pl.Int64, "tuning films on which the finding is marked"),
    }
