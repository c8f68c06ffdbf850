"""Estimates: how well maps localize and models classify, with intervals."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table

ESTIMATE = {
    "value": Column(pl.Float64, "the number that `statistic` or `measure` names; nan: undefined"),
    "low": Column(pl.Float64, "lower end of the confidence interval of `value`; nan: no interval"),
    "high": Column(pl.Float64, "upper end of the confidence interval of `value`; nan: no interval"),
    "level": Column(pl.Float64, "confidence level of the interval, in (0, 1), such as 0.95"),
    "cases": Column(pl.Int64, "number of defined cases behind `value`"),
}
"""The columns of a ``heatproof.types.Estimate``."""


class Estimates(Table):
    """One row per statistic."""

    name: ClassVar[str] = "estimates"
    columns: ClassVar[Mapping[str, Column]] = {
        "data": Column(pl.String, "name of the data set"),
        "finding": Column(
            pl.String,
            "name of the finding, followed by the reader in brackets where several marked it",
        ),
        "metric": Column(
            pl.String,
            "spec of a localization metric, or a measure of the classifier: `auroc of the "
            "classifier`, `brier`, `sensitivity`, `specificity`, `ppv` or `npv`",
        ),
        "model": Column(
            pl.String, "name of the model; null: a control that needs no model's probabilities"
        ),
        "method": Column(
            pl.String, "spec of the method, or name of the control; null: a measure of a classifier"
        ),
        "statistic": Column(
            pl.String,
            "`mean` over maps (or films); `value` over all films at once; `mean of maps`, the mean "
            "of what such a metric gives to each map; `difference to the mean-mask prior`, positive"
            " where the method is better",
        ),
        **ESTIMATE,
        "p_corrected": Column(
            pl.Float64,
            "two-sided p-value of a difference, corrected by Holm over the family (`[statistics] "
            "family`); nan: nothing is concluded; null: the row is no difference",
        ),
        "undefined": Column(
            pl.Int64, "number of maps on which the metric is undefined; null: not counted"
        ),
    }
