"""From a map to a mask: which pixels does the map call the finding?

A binarizer sees one map at the size of the radiograph and answers with a boolean mask, or with
``None`` where the question has no answer: the map is constant or holds a value that is not finite.
``None`` is not the empty mask; a metric makes ``nan`` of it.

``otsu`` and ``fixed`` first scale the map to [0, 1] by its own minimum and maximum.

``otsu`` is the 8-bit method that OpenCV computes and CheXlocalize uses (Saporta et al. 2022,
https://doi.org/10.1038/s42256-022-00536-x): ``floor(255 * scaled)``, the threshold that maximizes
the variance between classes over 256 bins, foreground strictly above it.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw

from heatproof.errors import DataError, SpecError, near_misses
from heatproof.maps.tuning import Untuned, best
from heatproof.registry import Registry


@runtime_checkable
class Binarizer(Protocol):
    """Makes a mask of a map; ``None`` where that is undefined.

    One with a threshold of the map has a property ``at_threshold`` (``AtThreshold``): metrics that
    differ in it alone are points of one curve.
    """

    def __call__(self, saliency: Float[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"] | None:
        """The mask, or ``None``."""
        ...


@runtime_checkable
class PerFinding(Protocol):
    """A binarizer that differs between findings; ``at`` gives that of one finding."""

    def at(self, finding: str) -> Binarizer:
        """The binarizer of one finding."""
        ...


@dataclass(frozen=True)
class AtThreshold:
    """What a binarizer is on a curve over thresholds of the map.

    Attributes:
        threshold: The share of the map's range.
        whole: What stands for all such binarizers, whatever their threshold.
    """

    threshold: float
    whole: Binarizer


binarizers: Registry[Binarizer] = Registry("binarizer", "heatproof.maps", "heatproof.binarizers")


def at_threshold(binarizer: object) -> AtThreshold | None:
    """The place of a binarizer on a curve over thresholds; None where it has none."""
    return getattr(binarizer, "at_threshold", None)


@binarizers.register("otsu")
@dataclass(frozen=True)
class Otsu:
    """Otsu's threshold of the map itself, in 8 bits.

    Attributes:
        contour_fill: Redraw the contours of the mask as filled polygons, as the code of
            CheXlocalize does: holes are filled, single pixels dropped.
    """

    contour_fill: bool = False

    def __call__(self, saliency: Float[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"] | None:
        """The pixels above the threshold."""
        scaled = rescaled(saliency)
        if scaled is None:
            return None
        scaled *= 255
        # `astype` cuts decimals off, which is the floor of the published code.
        above = above_otsu(scaled.astype(np.uint8))
        return redrawn(above) if self.contour_fill else above


@binarizers.register("fixed")
@dataclass(frozen=True)
class Fixed:
    """The pixels strictly above a fixed share of the map's range.

    Attributes:
        threshold: In [0, 1).
    """

    threshold: float

    def __post_init__(self) -> None:
        # No pixel lies strictly above 1, so such a threshold would give empty masks only.
        if not 0 <= self.threshold < 1:
            raise SpecError(
                f"threshold={self.threshold} is not in [0, 1): maps are scaled to [0, 1]"
            )

    @property
    def at_threshold(self) -> AtThreshold:
        """At its own; the default binarizer of metrics stands for all, since specs leave it out."""
        return AtThreshold(self.threshold, Otsu())

    def __call__(self, saliency: Float[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"] | None:
        """The pixels above the threshold."""
        scaled = rescaled(saliency)
        return None if scaled is None else scaled > self.threshold


@binarizers.register("percentile")
@dataclass(frozen=True)
class Percentile:
    """The pixels strictly above a percentile of the map; fewer than ``100 - q`` % where values tie.

    Attributes:
        q: In [0, 100).
    """

    q: float

    def __post_init__(self) -> None:
        if not 0 <= self.q < 100:  # noqa: PLR2004
            raise SpecError(f"q={self.q} is not in [0, 100); it is a percentile, not a fraction")

    def __call__(self, saliency: Float[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"] | None:
        """The pixels above the percentile."""
        # A constant map would get an empty mask, which means something else than undefined.
        if value_range(saliency) is None:
            return None
        above: np.ndarray = saliency > np.percentile(saliency, self.q)
        return above


@binarizers.register("tuned")
@dataclass(frozen=True)
class Tuned:
    """A fixed threshold for each finding: that of the best mean score on the tuning films.

    Attributes:
        table: Where they were tuned elsewhere: CSV file with columns ``threshold`` and ``task``, as
            CheXlocalize writes it.
        grid: The thresholds to choose from; those of Saporta et al. 2022 unless told.
    """

    table: Path | None = None
    grid: tuple[float, ...] = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)

    def candidates(self) -> Mapping[float, Binarizer]:
        """The binarizer at each threshold of the grid; none where a table gives the thresholds."""
        return {} if self.table else {threshold: Fixed(threshold) for threshold in self.grid}

    def choose(self, means: Mapping[float, float], finding: str) -> float | None:  # noqa: ARG002
        """The lowest of the thresholds with the best mean score."""
        return best(means)

    def chosen(self, value: float | None) -> Binarizer:
        """The binarizer with the threshold that was chosen."""
        return Untuned() if value is None else Fixed(value)

    def at(self, finding: str) -> Binarizer:
        """The threshold of one finding; itself where there is no table.

        Raises:
            DataError: The table cannot be read, or lacks the finding.
        """
        if self.table is None:
            return self
        *_, row = tuned_rows(self.table, ("threshold",), finding)
        try:
            return Fixed(row["threshold"])
        except SpecError as error:
            # The value comes from a file, so the file is at fault and not the spec.
            raise DataError(f"{self.table}, {finding}: {error}") from error

    def __call__(
        self,
        saliency: Float[np.ndarray, "h w"],  # noqa: ARG002
    ) -> Bool[np.ndarray, "h w"] | None:
        """Refuses: only ``at(finding)`` knows which threshold applies."""
        raise SpecError(
            f"the thresholds of {self.table or 'tuning films'} differ between findings: use"
            " tuned(...).at(finding)"
        )


def value_range(saliency: Float[np.ndarray, "h w"]) -> tuple[float, float] | None:
    """Minimum and maximum; ``None`` for a map that is constant or not finite."""
    low, high = float(saliency.min()), float(saliency.max())
    # The range of finite numbers may be too large for their kind; of others it is nan or infinite.
    return (low, high) if 0 < high - low <= float(np.finfo(saliency.dtype).max) else None


def rescaled(saliency: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"] | None:
    """The map between 0 and 1, in its own precision; a new array."""
    limits = value_range(saliency)
    if limits is None:
        return None
    # Published masks come from float32 maps, so the arithmetic keeps the precision of the map.
    low, high = (saliency.dtype.type(limit) for limit in limits)
    scaled: np.ndarray = saliency - low
    scaled /= high - low
    return scaled


def above_otsu(levels: UInt8[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """The pixels above Otsu's threshold of an 8-bit image."""
    threshold, _ = cv2.threshold(levels, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    above: np.ndarray = levels > threshold
    return above


def redrawn(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """The contours of a mask, filled: without holes and single pixels."""
    # `RETR_TREE` returns contours of holes as well, and painting them fills the holes.
    contours, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    # Pillow draws the polygons, as in CheXlocalize's code, so that the published masks come out.
    canvas = Image.new("1", mask.shape[::-1])
    draw = ImageDraw.Draw(canvas)
    for contour in contours:
        if len(contour) > 1:
            draw.polygon([(int(x), int(y)) for x, y in contour[:, 0]], outline=1, fill=1)
    return np.array(canvas)


def tuned_rows(table: Path, columns: tuple[str, ...], finding: str) -> list[dict[str, float]]:
    """The rows of a table of tuned values for one finding, in the table's order; at least one.

    Args:
        table: CSV file with a column ``task``, as CheXlocalize writes it.
        columns: Columns of numbers that must be there; others are left alone.
        finding: Name of the finding, as ``task`` spells it.

    Raises:
        DataError: The table cannot be read, lacks a column or the finding, or holds no numbers.
    """
    try:
        # Some spreadsheets begin UTF-8 with a byte order mark, which would join the first column's
        # name.
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if not {*columns, "task"} <= set(rows.fieldnames or ()):
                raise DataError(
                    f"{table}, line 1: found columns {rows.fieldnames}, expected"
                    f" {' and '.join((*columns, 'task'))}"
                )
            values = [
                (row["task"], {name: _number(row, name, table, rows.line_num) for name in columns})
                for row in rows
            ]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the table of tuned values {table}: {error}") from error
    by_finding = dict(values)
    if finding not in by_finding:
        raise DataError(
            f"{table} has no {columns[0]} for {finding!r}; {near_misses(finding, by_finding)}"
        )
    return [numbers for task, numbers in values if task == finding]


def _number(row: dict[str, str], column: str, table: Path, line: int) -> float:
    try:
        return float(row[column] or "")
    except ValueError as error:
        raise DataError(
            f"{table}, line {line}: {column} {row[column]!r} is not a number"
        ) from error
