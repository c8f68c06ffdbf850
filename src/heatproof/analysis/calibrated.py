"""Calibrated probabilities: temperature scaling with a temperature that other films choose.

For each model and finding, the temperature is the one at which the probabilities fit the labels of
the validation films best.  Without validation films, each half of the judged patients takes the
temperature of the other half, so that no film is calibrated on its own label.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from heatproof.diagnose.confidence import calibrated, temperature_of
from heatproof.stats.operating_point import cross_fitted
from heatproof.tables.predictions import Predictions

CALIBRATED = "calibrated"


def with_calibrated(
    predictions: Predictions, validation: str | None, seed: int = 0
) -> pl.DataFrame:
    """Predictions with a column ``calibrated``; nan where no temperature can be had.

    Args:
        predictions: The predictions of every model.
        validation: Data set on which temperatures are fitted; None: on the other half.
        seed: Seed of the division into halves.
    """
    frames = list(_frames(predictions, validation, seed))
    undefined = pl.lit(float("nan")).alias(CALIBRATED)
    return pl.concat(frames) if frames else predictions.frame.with_columns(undefined)


def _frames(predictions: Predictions, validation: str | None, seed: int) -> Iterator[pl.DataFrame]:
    for (_, model, finding), rows in predictions.by("data", "model", "finding"):
        probabilities = rows.frame["probability"].to_numpy()
        if validation is None:
            temperatures = _of_other_half(rows.frame, seed)
        else:
            same = predictions.where(data=validation, model=model, finding=finding).labelled()
            labelled = same.where(pl.col("probability").is_finite()).frame
            fitted = _temperature(labelled["probability"].to_numpy(), labelled["label"].to_numpy())
            temperatures = np.full(len(rows), fitted)
        values = [
            float(calibrated(np.array([p]), t)[0]) if np.isfinite(p) and np.isfinite(t) else np.nan
            for p, t in zip(probabilities, temperatures, strict=True)
        ]
        yield rows.frame.with_columns(pl.Series(CALIBRATED, values, pl.Float64))


def _of_other_half(rows: pl.DataFrame, seed: int) -> Float[np.ndarray, " n"]:
    """The temperature of each row; nan without a label, or where the other half gives none."""
    usable = (rows["label"].is_not_null() & rows["probability"].is_finite()).to_numpy()
    labelled = rows.filter(pl.Series(usable))
    temperatures: np.ndarray = np.full(len(rows), np.nan)
    if len(labelled):
        # Halves are of patients also where intervals are by image, so no patient calibrates itself.
        temperatures[usable] = cross_fitted(
            labelled["probability"].to_numpy(),
            labelled["label"].to_numpy(),
            labelled["cluster"].to_list(),
            _temperature,
            seed,
        )
    return temperatures


def _temperature(probabilities: Float[np.ndarray, " n"], labels: Bool[np.ndarray, " n"]) -> float:
    """The best temperature; nan unless there are positives and negatives."""
    return temperature_of(probabilities, labels) if 0 < labels.sum() < len(labels) else float("nan")
