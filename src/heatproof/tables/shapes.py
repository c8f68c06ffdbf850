"""Shapes: number, size and form of what each reader marked."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table
from heatproof.tables.films import CountingReaders

PLACE = ["data", "image_id", "finding", "reader"]
"""The columns that say which mask a row is about: whose, for which finding, on which film."""


class Shapes(Table):
    """One row per film, finding and reader who marked it."""

    name: ClassVar[str] = "shapes"
    columns: ClassVar[Mapping[str, Column]] = {
        "data": Column(pl.String, "name of the data set"),
        "image_id": Column(pl.String, "identifier of the film"),
        "finding": Column(pl.String, "name of the finding that was marked"),
        "reader": Column(pl.String, "name of the reader who marked it"),
        "instances": Column(
            pl.Int64, "number of things that the reader drew (contours, boxes); at least 1"
        ),
        "area_ratio": Column(pl.Float64, "share of the film's pixels that is marked, in [0, 1]"),
        "elongation": Column(
            pl.Float64,
            "long side over short side of the smallest rectangle, at any angle, around the part "
            "with the longest outline, at least 1; nan: no pixel is marked",
        ),
        "irrectangularity": Column(
            pl.Float64,
            "share of that rectangle that is not marked, in [0, 1]; nan: no pixel is marked",
        ),
        "box_coverage": Column(
            pl.Float64,
            "share of the upright bounding boxes of all parts that is marked, in [0, 1]; nan: no "
            "pixel is marked",
        ),
    }
    former: ClassVar[Mapping[str, str]] = {"reference": "reader"}

    def of_reader(self, counting: CountingReaders) -> "Shapes":
        """The rows of the reader who counts for each finding of each data set."""
        return Shapes(counting.rows_of(self.frame))
