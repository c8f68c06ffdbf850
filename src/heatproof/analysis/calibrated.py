"""Probabilities that mean what they say: at a temperature that the judged films did not choose.

Of each model and finding, the temperature at which its probabilities fit the labels of the
validation films best; without those, each half of the judged patients takes that of the other.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from heatproof.diagnose.confidence import calibrated, temperature_of
from heatproof.stats.operating_point import cross_fitted

CALIBRATED = "calibrated"


def with_calibrated(
    predictions: pl.DataFrame, validation: str | None, seed: int = 0
) -> pl.DataFrame:
    """Predictions with a column ``calibrated``; nan where no temperature can be had.

    Args:
        predictions: One row per film and finding.
        validation: Name of the data that says the temperatures.
        seed: Of the halves.
    """
    parts = predictions.partition_by(
        ["data", "group", "finding"], maintain_order=True, include_key=True
    )
    undefined = pl.lit(float("nan")).alias(CALIBRATED)
    found = list(_parts(predictions, parts, validation, seed))
    return pl.concat(found) if found else predictions.with_columns(undefined)


def _parts(
    predictions: pl.DataFrame, parts: list[pl.DataFrame], validation: str | None, seed: int
) -> Iterator[pl.DataFrame]:
    for rows in parts:
        told = rows["probability"].to_numpy()
        if validation is None:
            temperatures = _of_other_half(rows, seed)
        else:
            same = predictions.filter(
                data=validation, group=rows["group"][0], finding=rows["finding"][0]
            )
            known = same.drop_nulls("label").filter(pl.col("probability").is_finite())
            fitted = _temperature(known["probability"].to_numpy(), known["label"].to_numpy())
            temperatures = np.full(len(rows), fitted)
        values = [
            float(calibrated(np.array([p]), t)[0]) if np.isfinite(p) and np.isfinite(t) else np.nan
            for p, t in zip(told, temperatures, strict=True)
        ]
        yield rows.with_columns(pl.Series(CALIBRATED, values, pl.Float64))


def _of_other_half(rows: pl.DataFrame, seed: int) -> Float[np.ndarray, " n"]:
    """One per row; nan where the label or the temperature of the other half is not known."""
    usable = (rows["label"].is_not_null() & rows["probability"].is_finite()).to_numpy()
    known = rows.filter(pl.Series(usable))
    found: np.ndarray = np.full(len(rows), np.nan)
    if len(known):
        found[usable] = cross_fitted(
            known["probability"].to_numpy(),
            known["label"].to_numpy(),
            known["cluster"].to_list(),
            _temperature,
            seed,
        )
    return found


def _temperature(probabilities: Float[np.ndarray, " n"], labels: Bool[np.ndarray, " n"]) -> float:
    """Nan without films of either kind."""
    return temperature_of(probabilities, labels) if 0 < labels.sum() < len(labels) else float("nan")
