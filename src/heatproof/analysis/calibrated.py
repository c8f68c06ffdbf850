"""Probabilities that mean what they say: at a temperature that the judged films did not choose.

For each model and finding, the temperature at which its probabilities fit the labels of the
validation films best.  Without validation films, each half of the judged patients takes the
temperature of the other half.
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
        predictions: Of every model.
        validation: Data set on which temperatures are fitted; None for the other half.
        seed: Of the halves.
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
            known = same.where(pl.col("probability").is_finite()).frame
            fitted = _temperature(known["probability"].to_numpy(), known["label"].to_numpy())
            temperatures = np.full(len(rows), fitted)
        values = [
            float(calibrated(np.array([p]), t)[0]) if np.isfinite(p) and np.isfinite(t) else np.nan
            for p, t in zip(probabilities, temperatures, strict=True)
        ]
        yield rows.frame.with_columns(pl.Series(CALIBRATED, values, pl.Float64))


def _of_other_half(rows: pl.DataFrame, seed: int) -> Float[np.ndarray, " n"]:
    """One per row; nan where the label or the temperature of the other half is not known."""
    usable = (rows["label"].is_not_null() & rows["probability"].is_finite()).to_numpy()
    known = rows.filter(pl.Series(usable))
    temperatures: np.ndarray = np.full(len(rows), np.nan)
    if len(known):
        temperatures[usable] = cross_fitted(
            known["probability"].to_numpy(),
            known["label"].to_numpy(),
            known["cluster"].to_list(),
            _temperature,
            seed,
        )
    return temperatures


def _temperature(probabilities: Float[np.ndarray, " n"], labels: Bool[np.ndarray, " n"]) -> float:
    """Nan without films of either kind."""
    return temperature_of(probabilities, labels) if 0 < labels.sum() < len(labels) else float("nan")
