"""Predictions: the probability of each finding that every model gives to the films it judges."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table
from heatproof.tables.films import CLUSTER

MODELS = {
    "data": Column(pl.String, "name of the data set"),
    "model": Column(pl.String, "name of the model, which may have several members; empty: none"),
    "member": Column(
        pl.String, "name of the trained network (member of the model) that judged this film"
    ),
    "image_id": Column(pl.String, "identifier of the film"),
}
"""The first columns of tables about what models make of films."""
FORMER = {"group": "model", "model": "member"}
"""Present names of these columns, by the names that they had in earlier versions."""
VALIDITY = Column(
    pl.String,
    "whether the map can be read: `ok`, `zero` (no evidence for the finding), `constant`, `not "
    "finite`, `incomplete` (its sum is too far from the logit) or `tied` (places apart share its "
    "maximum)",
)


class Predictions(Table):
    """One row per model, film and finding."""

    name: ClassVar[str] = "predictions"
    columns: ClassVar[Mapping[str, Column]] = MODELS | {
        "cluster": CLUSTER,
        "finding": Column(pl.String, "name of the finding; null: the film was set aside"),
        "label": Column(pl.Boolean, "label of the film in the data set; null: unknown, uncertain"),
        "probability": Column(
            pl.Float64,
            "probability of the finding by the model, in [0, 1]; nan: the model gave no finite "
            "number",
        ),
        "reason": Column(pl.String, "why the film was set aside; null: it was not"),
    }
    former: ClassVar[Mapping[str, str]] = FORMER

    def used(self) -> "Predictions":
        """The rows of films that were not set aside."""
        return self.where(pl.col("reason").is_null())

    def of_model(self, model: str) -> "Predictions":
        """The rows of one model; for a control (``""``), those of the first model.

        Controls have no probabilities of their own, and take those of one model for all.
        """
        return self.where(model=model or (self.frame["model"][0] if len(self) else ""))

    def labelled(self) -> "Predictions":
        """The rows whose label is present or absent, and not uncertain or unknown."""
        return self.where(pl.col("label").is_not_null())


class Called(Predictions):
    """Predictions, with the threshold that each film is called at."""

    columns: ClassVar[Mapping[str, Column]] = {
        **Predictions.columns,
        "threshold": Column(
            pl.Float64,
            "probability from which on the film is called positive, in [0, 1]; null: no threshold "
            "could be chosen",
        ),
    }

    def positive(self) -> "Called":
        """The rows of labelled films that the model calls positive."""
        # A probability of nan would be called positive: polars takes nan for the largest number.
        return self.where(
            pl.col("label").is_not_null(),
            pl.col("probability").is_finite(),
            pl.col("probability") >= pl.col("threshold"),
        )
