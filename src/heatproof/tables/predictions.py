"""Predictions: what every model says of every film that it judges."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table

MODELS = {
    "data": Column(pl.String, "name of the data set"),
    "model": Column(pl.String, "what is reported as one model; empty where no model made the map"),
    "member": Column(
        pl.String, "the trained network that judged this film, of several that share a name"
    ),
    "image_id": Column(pl.String, "the film"),
}
"""The first columns of tables about what models make of films."""
FORMER = {"group": "model", "model": "member"}


class Predictions(Table):
    """One row per model, film and finding."""

    name: ClassVar[str] = "predictions"
    columns: ClassVar[Mapping[str, Column]] = MODELS | {
        "cluster": Column(
            pl.String, "the patient, or the film where the patient is unknown: resampled as one"
        ),
        "finding": Column(pl.String, "null where the film was set aside"),
        "label": Column(pl.Boolean, "of the data set; null: unknown or uncertain"),
        "probability": Column(pl.Float64, "in [0, 1]; nan: the model gave no finite number"),
        "reason": Column(pl.String, "why the film was set aside; null where it was not"),
    }
    former: ClassVar[Mapping[str, str]] = FORMER

    def used(self) -> "Predictions":
        """Without the films that were set aside."""
        return self.where(pl.col("reason").is_null())

    def of_model(self, model: str) -> "Predictions":
        """Of one model; for controls, which have no probabilities, those of the first model."""
        return self.where(model=model or (self.frame["model"][0] if len(self) else ""))

    def labelled(self) -> "Predictions":
        """Films whose label says yes or no."""
        return self.where(pl.col("label").is_not_null())


class Called(Predictions):
    """Predictions, with the threshold that each film is called at."""

    columns: ClassVar[Mapping[str, Column]] = {
        **Predictions.columns,
        "threshold": Column(
            pl.Float64, "called positive from this probability on; null: none could be chosen"
        ),
    }

    def positive(self) -> "Called":
        """Labelled films that the model calls positive."""
        known = self.where(pl.col("label").is_not_null(), pl.col("probability").is_finite())
        return known.where(pl.col("probability") >= pl.col("threshold"))
