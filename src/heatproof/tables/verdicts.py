"""Verdicts: the trust grid."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table


class Verdicts(Table):
    """One row per data set, finding, rule, criterion and method."""

    name: ClassVar[str] = "verdicts"
    columns: ClassVar[Mapping[str, Column]] = {
        "data": Column(pl.String, "name of the data set"),
        "finding": Column(pl.String, "what the maps explain"),
        "criterion": Column(pl.String, "spec of the criterion, or `localization`"),
        "method": Column(pl.String, "spec of the method"),
        "rule": Column(pl.String, "spec of the rule"),
        "verdict": Column(pl.String, "`pass`, `fail`, `inconclusive` or `not tested`"),
        "strong": Column(pl.String, "the same against readers or a supervised reference"),
        "measure": Column(pl.String, "spec of the metric or similarity"),
        "value": Column(pl.Float64, "nan: undefined"),
        "low": Column(pl.Float64, "lower end of the interval; nan: there is none"),
        "high": Column(pl.Float64, "upper end of the interval; nan: there is none"),
        "level": Column(pl.Float64, "of the interval, such as 0.95"),
        "cases": Column(pl.Int64, "defined values behind it"),
        "interval": Column(pl.String, "how it was made"),
        "threshold": Column(pl.Float64, "nan: there is none"),
        "above": Column(pl.Boolean, "whether it passes above the threshold, or below"),
        "p": Column(
            pl.Float64,
            "of the threshold not being passed, before any correction; nan without a test",
        ),
        "margin": Column(
            pl.Float64,
            "a distance from the threshold that `patients_needed` would settle; null, as what "
            "follows, where nothing is open or nothing can be said",
        ),
        "patients_needed": Column(pl.Int64, "as many as these, of the same kind"),
        "draws_needed": Column(
            pl.Int64,
            "and as many trainings or random draws; null where the answer is about these models "
            "alone",
        ),
        "notes": Column(pl.String, "what must be known about this cell"),
    }
