"""Scores: every map and every control, measured by every metric."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table
from heatproof.tables.films import CLUSTER, CountingReaders
from heatproof.tables.predictions import FORMER, MODELS, VALIDITY

NO_MODEL = ""
"""The ``model`` of a control, which is made without one."""
MARKED = pl.col("regions") > 0
"""Whether the reader marked the finding on the film of a row."""


class Scores(Table):
    """One row per map, reader and metric."""

    name: ClassVar[str] = "scores"
    columns: ClassVar[Mapping[str, Column]] = MODELS | {
        "cluster": CLUSTER,
        "finding": Column(pl.String, "name of the finding that the map explains"),
        "reader": Column(pl.String, "name of the reader whose marks the map is compared with"),
        "method": Column(pl.String, "spec of the method, or name of the control"),
        "regions": Column(
            pl.Int32, "number of regions that the reader marked; 0: film without the finding"
        ),
        "metric": Column(pl.String, "spec of the metric; null: the annotation was set aside"),
        "value": Column(
            pl.Float64,
            "score of the map, in the unit of the metric; of a metric over all films, what this map"
            " reaches by itself; nan: undefined",
        ),
        "seen": Column(
            pl.List(pl.Float64),
            "the numbers that a metric over all films needs from this map; null: another metric",
        ),
        "validity": VALIDITY,
        "reason": Column(pl.String, "why the annotation was set aside; null: it was not"),
    }
    former: ClassVar[Mapping[str, str]] = FORMER | {"reference": "reader"}

    def used(self) -> "Scores":
        """The rows of annotations that were not set aside."""
        return self.where(pl.col("reason").is_null())

    def of_models(self) -> "Scores":
        """The rows of maps that explain a model."""
        return self.where(pl.col("model") != NO_MODEL)

    def of_models_and(self, control: str) -> "Scores":
        """The rows of maps that explain a model, and those of one control, in their order."""
        return self.where((pl.col("model") != NO_MODEL) | (pl.col("method") == control))

    def of_controls(self) -> "Scores":
        """The rows of maps that are made without a model, and of readers."""
        return self.where(model=NO_MODEL)

    def of_control(self, name: str) -> "Scores":
        """The rows of one control, by its name in tables."""
        return self.of_controls().where(method=name)

    def marked(self) -> "Scores":
        """The rows of films on which the reader marked the finding."""
        return self.where(MARKED)

    def of_reader(self, counting: CountingReaders) -> "Scores":
        """The rows against the reader who counts for each finding of each data set."""
        return Scores(counting.rows_of(self.frame))

    def films_marked(self) -> int:
        """The number of films on which the finding is marked.

        Meant for the rows of one data set and finding: films are told apart by ``image_id`` alone.
        """
        return self.marked().frame["image_id"].n_unique()
