"""Estimates: how well maps localize and models classify, with intervals."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table


class Estimates(Table):
    """One row per statistic."""

    name: ClassVar[str] = "estimates"
    columns: ClassVar[Mapping[str, Column]] = {
        "data": Column(pl.String, "name of the data set"),
        "finding": Column(
            pl.String, "what is looked for; with the reader in brackets where several marked it"
        ),
        "metric": Column(
            pl.String,
            "spec of a localization metric, or a number of the classifier such as `brier`",
        ),
        "model": Column(
            pl.String, "what is reported as one model; null of controls that need none"
        ),
        "method": Column(
            pl.String, "spec of the method, or name of the control; null of classifiers"
        ),
        "statistic": Column(
            pl.String,
            "`mean` over maps, `value` of all films, `mean of maps` beside it, or the difference "
            "to the prior",
        ),
        "value": Column(pl.Float64, "nan: undefined"),
        "low": Column(pl.Float64, "lower end of the interval; nan: there is none"),
        "high": Column(pl.Float64, "upper end of the interval; nan: there is none"),
        "level": Column(pl.Float64, "of the interval, such as 0.95"),
        "cases": Column(pl.Int64, "defined values behind it"),
        "undefined": Column(
            pl.Int64, "maps on which the metric is undefined; null where it is not counted"
        ),
    }
