"""The tables that a sweep writes."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table


class TrialTable(Table):
    """One row per trial. Between `seconds` and `reason` stands one column for each parameter that
    was searched, such as `lr` or `wildcat.alpha`: the value that was tried; null where the
    parameter does not apply to the model. A parameter that mixes counts and shares is text.
    """

    name: ClassVar[str] = "sweep"
    columns: ClassVar[Mapping[str, Column]] = {
        "family": Column(pl.String, "name of the entry of `[[models]]`"),
        "trial": Column(pl.Int64, "number of the trial in its family, from 0"),
        "state": Column(pl.String, "`complete`, `pruned` or `failed`"),
        "selected": Column(pl.Boolean, "whether it is the best of its family"),
        "validation_auroc": Column(
            pl.Float64,
            "mean AUROC on the validation films, of the weights that were kept; of a pruned trial "
            "the highest of its rounds; nan of a failed one",
        ),
        "epochs": Column(pl.Int64, "rounds of training"),
        "seconds": Column(pl.Float64, "time that the rounds took"),
        "reason": Column(pl.String, "why it failed; null where it did not"),
        "model": Column(
            pl.String, "folder of the model, from that of the run; null unless it is complete"
        ),
    }


class TrialLocalization(Table):
    """One row per estimate of the maps of a complete trial, and of the prior; none selected."""

    name: ClassVar[str] = "sweep_localization"
    columns: ClassVar[Mapping[str, Column]] = {
        "family": Column(pl.String, "name of the entry of `[[models]]`; null of the prior"),
        "trial": Column(pl.Int64, "number of the trial in its family; null of the prior"),
        "data": Column(pl.String, "name of the data set"),
        "finding": Column(pl.String, "what the maps explain"),
        "metric": Column(pl.String, "spec of the metric"),
        "method": Column(pl.String, "spec of the method, or name of the control"),
        "value": Column(pl.Float64, "the estimate; nan: undefined"),
        "low": Column(pl.Float64, "lower end of its interval; nan: there is none"),
        "high": Column(pl.Float64, "upper end of its interval; nan: there is none"),
    }
