"""Scores: every map, and every control, measured by every metric."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table
from heatproof.tables.films import CountingReaders
from heatproof.tables.predictions import FORMER, MODELS

NO_MODEL = ""  # in the place of a model: what is measured is a control


class Scores(Table):
    """One row per map, reader and metric."""

    name: ClassVar[str] = "scores"
    columns: ClassVar[Mapping[str, Column]] = MODELS | {
        "cluster": Column(
            pl.String, "the patient, or the film where the patient is unknown: resampled as one"
        ),
        "finding": Column(pl.String, "what the map explains"),
        "reader": Column(pl.String, "whose marks the map is compared with"),
        "method": Column(pl.String, "spec of the method, or name of the control"),
        "regions": Column(
            pl.Int32, "how many regions the reader marked; 0 on films without the finding"
        ),
        "metric": Column(pl.String, "spec; null where the annotation was set aside"),
        "value": Column(
            pl.Float64,
            "of the metric; of a metric of data sets, what this map alone reaches; nan: undefined",
        ),
        "seen": Column(
            pl.List(pl.Float64),
            "what a metric of data sets needs of the map; null of metrics of maps",
        ),
        "validity": Column(pl.String, "whether the map may be read as one: ok, or why not"),
        "reason": Column(pl.String, "why the annotation was set aside; null where it was not"),
    }
    former: ClassVar[Mapping[str, str]] = FORMER | {"reference": "reader"}

    def used(self) -> "Scores":
        """Without the annotations that were set aside."""
        return self.where(pl.col("reason").is_null())

    def of_models(self) -> "Scores":
        """Of maps that explain a model."""
        return self.where(pl.col("model") != NO_MODEL)

    def of_controls(self) -> "Scores":
        """Of maps, and readers, that no model stands behind."""
        return self.where(model=NO_MODEL)

    def of_control(self, name: str) -> "Scores":
        """Of one control."""
        return self.of_controls().where(method=name)

    def marked(self) -> "Scores":
        """Of films on which the reader marked the finding."""
        return self.where(pl.col("regions") > 0)

    def of_reader(self, counting: CountingReaders) -> "Scores":
        """Against the reader who counts for each finding of each data set."""
        return Scores(counting.rows_of(self.frame))

    def films_marked(self) -> int:
        """How many films are marked."""
        return self.marked().frame["image_id"].n_unique()
