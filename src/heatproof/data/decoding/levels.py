"""Levels: which stored values of a film become black and which white.

A header may say it wrongly, or a format not at all.  For the films of one data set it can be said
instead, by at most one of a window, a maximum and percentiles; and whether low values are bright.
"""

from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Num

from heatproof.errors import DataError, PixelError
from heatproof.words import spelled

Photometric = Literal["MONOCHROME1", "MONOCHROME2"]
Number = float | int  # at run time, a float is not any number
TAIL = 1 / 1000
"""Share of a film's pixels, at either end of its values, that do not decide its range alone."""
_PERCENT = 100


@dataclass(frozen=True)
class Levels:
    """What a data set says of its films' grey values in place of their headers.

    Attributes:
        photometric: ``"MONOCHROME1"`` where low values are bright; ``"MONOCHROME2"`` where high
            ones are.
        window: Centre and width; its dark end becomes black, its bright end white.
        maximum: The value that is white, such as 4095 for 12 bits; 0 is black.
        percentiles: Those of each film's own values that become black and white.
    """

    photometric: Photometric | None = None
    window: tuple[Number, Number] | None = None
    maximum: Number | None = None
    percentiles: tuple[Number, Number] | None = None

    def __post_init__(self) -> None:
        """Raises DataError for levels that no film can have."""
        if self.photometric not in (None, "MONOCHROME1", "MONOCHROME2"):
            raise DataError(
                f"photometric = {self.photometric!r}, expected MONOCHROME1 (low values are bright)"
                " or MONOCHROME2"
            )
        said = [name for name in ("window", "maximum", "percentiles") if getattr(self, name)]
        if len(said) > 1:
            raise DataError(f"{' and '.join(said)}: each says what is white; keep one of them")
        # Comparisons with nan are false, so they are written as what must hold.
        if self.window is not None and not self.window[1] >= 1:
            raise DataError(f"window = {list(self.window)}, expected [centre, width], width >= 1")
        if self.maximum is not None and not 0 < self.maximum < float("inf"):
            raise DataError(f"maximum = {self.maximum:g}, expected a number above 0, such as 4095")
        if self.percentiles is not None:
            low, high = self.percentiles
            if not 0 <= low < high <= _PERCENT:
                raise DataError(
                    f"percentiles = {[low, high]}, expected two numbers from 0 to 100, such as"
                    " [1, 99]"
                )

    @property
    def scales(self) -> bool:
        """Whether they say what is black and white, and not only which end is bright."""
        return bool(self.window or self.maximum or self.percentiles)

    @property
    def inverts(self) -> bool:
        """Whether low values are said to be bright."""
        return self.photometric == "MONOCHROME1"

    @property
    def white(self) -> str:
        """What becomes black and white, in words; only where ``scales``."""
        if self.window:
            return "window"
        if self.percentiles:
            return f"percentiles {self.percentiles[0]:g} to {self.percentiles[1]:g}"
        return f"0 to {self.maximum:g}"

    def told(self, photometric: str) -> str:
        """What values mean: as the file says it, unless it is said here."""
        if self.photometric in (None, photometric):
            return photometric
        return f"{self.photometric} (file: {photometric or 'unknown'})"

    def scaled(
        self, values: Num[np.ndarray, "h w"], counted: Bool[np.ndarray, "h w"] | None = None
    ) -> Float[np.ndarray, "h w"]:
        """Values between 0 and 1; only where ``scales``.

        Args:
            values: Those of a film.
            counted: The pixels whose values percentiles are of; all of them, where not given.

        Raises:
            PixelError: A value lies outside of 0 to ``maximum``.
        """
        if self.window:
            centre, width = self.window
            return windowed(values, float(centre), float(width))
        if self.percentiles:
            seen = values if counted is None else values[counted]
            if not seen.size:
                return np.zeros(values.shape)
            low, high = np.percentile(seen, self.percentiles)
            return stretched(values, float(low), float(high))
        assert self.maximum is not None
        low, high = float(values.min()), float(values.max())
        if not (low >= 0 and high <= self.maximum):
            raise PixelError(
                f"values from {low:g} to {high:g}, expected 0 to maximum = {self.maximum:g}"
            )
        return values / self.maximum

    def __str__(self) -> str:
        """What is said, such as ``"maximum 4095"``; empty where nothing is."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        return ", ".join(f"{key} {_written(value)}" for key, value in said.items() if value)


def _written(value: str | Number | tuple[Number, Number]) -> str:
    """The same for 4095 and 4095.0, which mean the same."""
    if isinstance(value, tuple):
        return " to ".join(map(_written, value))
    return value if isinstance(value, str) else spelled(float(value))


def windowed(
    values: Num[np.ndarray, "h w"], centre: float, width: float, function: str = "LINEAR"
) -> Float[np.ndarray, "h w"]:
    """The window of DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3, with values between 0 and 1."""
    least = 1 if function == "LINEAR" else 0
    if not width >= least or width == 0:
        raise PixelError(f"a window {width:g} wide, expected at least 1")
    if function == "SIGMOID":
        return 1 / (1 + np.exp(-4 * (values - centre) / width))
    if function == "LINEAR_EXACT":
        return np.clip((values - centre) / width + 0.5, 0.0, 1.0)
    if function != "LINEAR":
        raise PixelError(f"VOI LUT function {function!r}, expected LINEAR, LINEAR_EXACT or SIGMOID")
    if width == 1:  # a step: the standard's formula would divide by zero
        return (values > centre - 0.5).astype(np.float64)
    return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0.0, 1.0)


def stretched(values: Num[np.ndarray, "h w"], low: float, high: float) -> Float[np.ndarray, "h w"]:
    """Values from ``low`` to ``high`` become 0 to 1, others the nearer of both."""
    return np.clip((values - low) / ((high - low) or 1.0), 0.0, 1.0)


def own_range(values: Num[np.ndarray, " n"]) -> tuple[float, float]:
    """The smallest and the largest value of a film, without a few that would hide all others.

    Where less than a thousandth of the pixels, at one end, would take up more than half of the
    range, they are hot or dead pixels, or a label: the range then ends with the other values.
    """
    if not values.size:
        return 0.0, 0.0
    few = max(int(values.size * TAIL), 1)
    low, high = float(values.min()), float(values.max())
    if values.size <= 2 * few:
        return low, high
    ordered = np.partition(values, [few, values.size - 1 - few])
    least, most = float(ordered[few]), float(ordered[-1 - few])
    among = most - least
    if among > 0:
        low = least if least - low > among else low
        high = most if high - most > among else high
    return low, high
