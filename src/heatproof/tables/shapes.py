"""Shapes: what each reader marked, measured."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table
from heatproof.tables.films import CountingReaders


class Shapes(Table):
    """One row per film, finding and reader who marked it."""

    name: ClassVar[str] = "shapes"
    columns: ClassVar[Mapping[str, Column]] = {
        "data": Column(pl.String, "name of the data set"),
        "image_id": Column(pl.String, "the film"),
        "finding": Column(pl.String, "what was marked"),
        "reader": Column(pl.String, "who marked it"),
        "instances": Column(pl.Int64, "how many separate things were drawn"),
        "area_ratio": Column(pl.Float64, "share of the film that is marked, in [0, 1]"),
        "elongation": Column(
            pl.Float64,
            "long side by short side of the smallest box at any angle, mean over parts; "
            "nan: no part has one",
        ),
        "irrectangularity": Column(
            pl.Float64, "share of that box that is not marked, in [0, 1]; nan: no part has one"
        ),
        "box_coverage": Column(
            pl.Float64, "share of the upright bounding boxes of the parts that is marked, in [0, 1]"
        ),
    }
    former: ClassVar[Mapping[str, str]] = {"reference": "reader"}

    def of_reader(self, counting: CountingReaders) -> "Shapes":
        """By the reader who counts for each finding of each data set."""
        return Shapes(counting.rows_of(self.frame))
