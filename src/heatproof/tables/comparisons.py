"""Comparisons: methods beside readers, and models beside each other, on the same films."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table
from heatproof.tables.estimates import ESTIMATE


class Comparisons(Table):
    """One row per statistic of a comparison."""

    name: ClassVar[str] = "comparisons"
    columns: ClassVar[Mapping[str, Column]] = {
        "data": Column(pl.String, "name of the data set"),
        "model": Column(pl.String, "name of the model whose maps are compared"),
        "method": Column(pl.String, "spec of the method"),
        "metric": Column(pl.String, "spec of the metric; higher is better"),
        "other": Column(
            pl.String,
            "the other side: `the human benchmark`, the name of another model, or `the outlines "
            "themselves` where the metric takes boxes",
        ),
        "finding": Column(
            pl.String, "name of the finding; empty: the macro average over the findings"
        ),
        "statistic": Column(
            pl.String,
            "`ours`: mean score of the model; `theirs`: that of the other side on the same films; "
            "`difference`: ours - theirs; `decrease`: (theirs - ours) / theirs; `published`: the "
            "decrease by the published arithmetic",
        ),
        **ESTIMATE,
        "p": Column(
            pl.Float64,
            "two-sided p-value of the paired difference, uncorrected, in [0, 1]; nan: no test;"
            " null, like all columns that follow: the row is no `difference`",
        ),
        "holm": Column(
            pl.Float64,
            "`p` corrected by Holm over the family (`[statistics] family`), in [0, 1]; nan: no "
            "test",
        ),
        "bonferroni": Column(
            pl.Float64,
            "`p` corrected by Bonferroni over the family, in [0, 1]; nan: no test",
        ),
        "margin": Column(
            pl.Float64,
            "largest loss that would not matter, as declared before, in the unit of the metric",
        ),
        "conclusion": Column(
            pl.String,
            "`superior`, `non-inferior`, `inferior` or `undecided`, by the margin, corrected "
            "over the family",
        ),
        "cases_needed": Column(
            pl.Int64,
            "number of annotated films that would show non-inferiority if both sides were equal; "
            "null also: fewer than two patients",
        ),
        "patients_needed": Column(pl.Int64, "number of patients that would show it, likewise"),
        "power": Column(
            pl.Float64,
            "power of the present films to show it, in [0, 1]; nan: fewer than two patients",
        ),
    }
