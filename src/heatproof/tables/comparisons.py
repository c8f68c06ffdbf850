"""Comparisons: methods beside readers, and models beside each other, on the same films."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table


class Comparisons(Table):
    """One row per statistic of a comparison."""

    name: ClassVar[str] = "comparisons"
    columns: ClassVar[Mapping[str, Column]] = {
        "data": Column(pl.String, "name of the data set"),
        "model": Column(pl.String, "what is compared"),
        "method": Column(pl.String, "spec of the method"),
        "metric": Column(pl.String, "spec of the metric"),
        "other": Column(
            pl.String,
            "with what it is compared: the human benchmark, another model, or outlines instead of"
            " boxes",
        ),
        "finding": Column(pl.String, "empty: the macro average over findings"),
        "statistic": Column(
            pl.String,
            "`ours`, `theirs`, `difference`, `decrease`, or `published` (the decrease by the "
            "published arithmetic)",
        ),
        "value": Column(pl.Float64, "nan: undefined"),
        "low": Column(pl.Float64, "lower end of the interval; nan: there is none"),
        "high": Column(pl.Float64, "upper end of the interval; nan: there is none"),
        "level": Column(pl.Float64, "of the interval, such as 0.95"),
        "cases": Column(pl.Int64, "defined values behind it"),
        "p": Column(
            pl.Float64,
            "of a paired permutation by patient, uncorrected; of differences alone, as all that "
            "follows: elsewhere null",
        ),
        "holm": Column(pl.Float64, "p corrected by Holm over findings; nan of the macro average"),
        "bonferroni": Column(pl.Float64, "p corrected by Bonferroni; nan of the macro average"),
        "margin": Column(
            pl.Float64,
            "the largest loss that would not matter, as declared, in units of the metric",
        ),
        "conclusion": Column(pl.String, "what the interval of the difference says of that margin"),
        "cases_needed": Column(
            pl.Int64, "to conclude non-inferior where both are equal; null: cannot be said"
        ),
        "patients_needed": Column(pl.Int64, "likewise"),
        "power": Column(pl.Float64, "of these cases, at the margin"),
    }
