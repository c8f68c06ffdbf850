"""Verdicts: the trust grid."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table
from heatproof.tables.estimates import ESTIMATE


class Verdicts(Table):
    """One row per data set, finding, rule, criterion and method."""

    name: ClassVar[str] = "verdicts"
    columns: ClassVar[Mapping[str, Column]] = {
        "data": Column(pl.String, "name of the data set"),
        "finding": Column(pl.String, "name of the finding that the maps explain"),
        "criterion": Column(pl.String, "spec of the criterion of trust, or `localization`"),
        "method": Column(pl.String, "spec of the method"),
        "rule": Column(pl.String, "spec of the rule"),
        "verdict": Column(pl.String, "`pass`, `fail`, `inconclusive` or `not tested`"),
        "strong": Column(
            pl.String,
            "the same words, for the comparison with readers or a supervised reference",
        ),
        "measure": Column(
            pl.String, "spec of the metric or similarity whose mean is `value`; empty: none"
        ),
        **ESTIMATE,
        "interval": Column(pl.String, "how the interval was made, in words"),
        "threshold": Column(
            pl.Float64, "what `value` is compared with, in its unit; nan: no threshold"
        ),
        "above": Column(
            pl.Boolean, "yes: values above the threshold pass; no: values below it pass"
        ),
        "p": Column(
            pl.Float64,
            "p-value of the hypothesis that the threshold is not passed, uncorrected, in [0, 1]; "
            "nan: no test",
        ),
        "margin": Column(
            pl.Float64,
            "distance of `value` from the threshold that `patients_needed` patients would show in "
            "nine of ten trials; null, like the two columns that follow: the verdict is not "
            "inconclusive, or no number can be given",
        ),
        "patients_needed": Column(pl.Int64, "number of patients that this takes"),
        "models_needed": Column(
            pl.Int64,
            "number of trained models (or architectures) that it takes besides; null also: these "
            "are enough, or the verdict is about these alone",
        ),
        "draws_needed": Column(
            pl.Int64, "number of draws of random weights that it takes besides; null likewise"
        ),
        "notes": Column(
            pl.String, "sentences without which the verdict would be misread; empty: none"
        ),
    }
