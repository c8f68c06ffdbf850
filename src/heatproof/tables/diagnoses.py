"""Diagnoses: with what the scores of maps go together."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table


class Diagnoses(Table):
    """One row per number of a diagnosis."""

    name: ClassVar[str] = "diagnosis"
    columns: ClassVar[Mapping[str, Column]] = {
        "question": Column(
            pl.String,
            "`shape`, `shape of the gap` (to readers), `confidence`, `calibrated confidence`, "
            "`subgroup`, `usual place` or `prevalence`; null of a note",
        ),
        "data": Column(pl.String, "name of the data set"),
        "model": Column(pl.String, "what is reported as one model"),
        "method": Column(pl.String, "spec of the method"),
        "metric": Column(pl.String, "spec of the metric"),
        "finding": Column(pl.String, "null: all findings together"),
        "rows": Column(pl.String, "of confidence: `all` films, or `positive` by the reference"),
        "feature": Column(pl.String, "what the score is set against"),
        "group": Column(pl.String, "of films, such as a view"),
        "regression": Column(pl.String, "how the slope was fitted"),
        "statistic": Column(pl.String, "such as `slope`, `spearman`, `mean` or `difference`"),
        "value": Column(pl.Float64, "nan: undefined"),
        "low": Column(pl.Float64, "lower end of the interval; nan: there is none"),
        "high": Column(pl.Float64, "upper end of the interval; nan: there is none"),
        "level": Column(pl.Float64, "of the interval, such as 0.95"),
        "cases": Column(pl.Int64, "defined values behind it"),
        "patients": Column(pl.Int64, "behind the diagnosis"),
        "p": Column(pl.Float64, "of a slope, uncorrected"),
        "p_corrected": Column(pl.Float64, "by Holm, over what was asked together"),
        "note": Column(pl.String, "why nothing was fitted"),
    }
