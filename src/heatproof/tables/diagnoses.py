"""Diagnoses: what the scores of maps go together with."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table
from heatproof.tables.estimates import ESTIMATE


class Diagnoses(Table):
    """One row per number of a diagnosis."""

    name: ClassVar[str] = "diagnosis"
    columns: ClassVar[Mapping[str, Column]] = {
        "question": Column(
            pl.String,
            "what the score is set against: `shape` of the finding (`shape of the gap`: the score "
            "is how far the map is below the readers), `confidence` of the model, `calibrated "
            "confidence`, `subgroup`, `usual place` or `prevalence`; null: the row is a note",
        ),
        "data": Column(pl.String, "name of the data set"),
        "model": Column(pl.String, "name of the model"),
        "method": Column(pl.String, "spec of the method"),
        "metric": Column(pl.String, "spec of the metric that gives the score"),
        "finding": Column(pl.String, "name of the finding; null: all findings together"),
        "rows": Column(
            pl.String,
            "of confidence: `all` films, or `positive`, those on which the finding is marked; "
            "null: another question",
        ),
        "feature": Column(
            pl.String,
            "the explaining variable: a feature of the shape, `probability`, `prior`, "
            "`prevalence`, or the name of a metadatum; null: the row is a note",
        ),
        "group": Column(
            pl.String, "group of films by that variable, such as `F` or `54 to 67`; null: no group"
        ),
        "regression": Column(
            pl.String, "`linear`, `linear_by_cluster`, `mixed` or `logistic`; null: no slope"
        ),
        "statistic": Column(
            pl.String,
            "`slope` per unit of the feature; `spearman`, a rank correlation; `mean` score of a "
            "group; `difference` to the other films; `beats`, the share of films on which the map "
            "scores higher than the prior; `unusual` and `usual`, the mean score on the half of "
            "the films where the prior scores lower and higher",
        ),
        **ESTIMATE,
        "patients": Column(
            pl.Int64,
            "number of patients behind the diagnosis; a film whose patient is unknown counts as "
            "one, and so does every film where films are resampled",
        ),
        "p": Column(
            pl.Float64, "p-value of a slope of 0, uncorrected, in [0, 1]; null: not a slope"
        ),
        "p_corrected": Column(
            pl.Float64,
            "p-value of a slope or a difference of 0, corrected by Holm over the features of one "
            "regression, or the groups of one finding, in [0, 1]; null: neither",
        ),
        "note": Column(pl.String, "why nothing was fitted; null: something was"),
    }
