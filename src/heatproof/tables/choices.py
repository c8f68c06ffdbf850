"""Choices: the values of tuned options that the tuning films chose."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table


class Choices(Table):
    """One row per metric, model, method and finding."""

    name: ClassVar[str] = "tuned"
    columns: ClassVar[Mapping[str, Column]] = {
        "data": Column(pl.String, "name of the data set with the tuning films"),
        "model": Column(pl.String, "name of the model; empty: the method is a control"),
        "method": Column(pl.String, "spec of the method, or name of the control"),
        "metric": Column(pl.String, "spec of the metric"),
        "finding": Column(pl.String, "name of the finding"),
        "value": Column(
            pl.Float64,
            "chosen value of the tuned option, in its unit: a threshold or a probability in [0, 1],"
            " or the side of a box in pixels",
        ),
        "score": Column(
            pl.Float64,
            "mean score on the tuning films with that value, in the unit of the metric",
        ),
        "cases": Column(pl.Int64, "number of tuning films on which the finding is marked"),
    }
