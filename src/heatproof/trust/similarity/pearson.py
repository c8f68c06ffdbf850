"""Pearson's correlation of the pixels of two maps."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from heatproof.trust.similarity import similarities


@similarities.register("pearson")
@dataclass(frozen=True)
class Pearson:
    """How well one map is a linear function of the other, pixel by pixel: between -1 and 1."""

    title: ClassVar[str] = "Pearson correlation"
    undefined: ClassVar[str] = "a map is constant"
    span: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    itself: ClassVar[float] = 1.0

    def __call__(
        self, one: Float[np.ndarray, "n y x"], other: Float[np.ndarray, "n y x"]
    ) -> Float[np.ndarray, " n"]:
        """The correlation."""
        return correlation(one.reshape(len(one), -1), other.reshape(len(other), -1))


def correlation(
    one: Float[np.ndarray, "n p"], other: Float[np.ndarray, "n p"]
) -> Float[np.ndarray, " n"]:
    """The correlation of each row with its partner; ``nan`` where one is constant."""
    if one.shape[1] == 0:
        return np.full(len(one), np.nan)
    # Rounding may leave a constant row some spread about its mean, so the range decides.
    constant = (np.ptp(one, axis=1) == 0) | (np.ptp(other, axis=1) == 0)
    # Sums of many float32 pixels lose digits, so means and all that follows are float64.
    x = one - one.mean(axis=1, keepdims=True, dtype=np.float64)
    y = other - other.mean(axis=1, keepdims=True, dtype=np.float64)
    size = np.sqrt(np.vecdot(x, x) * np.vecdot(y, y))  # row by row, whatever the others
    with np.errstate(invalid="ignore", divide="ignore"):
        # Rounding may push a correlation past 1.
        values: np.ndarray = np.clip(np.vecdot(x, y) / size, -1, 1)
    values[constant] = np.nan
    return values
