"""Contents: a digest of every film, so that a report can say which data it is about."""

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from heatproof.tables import Column, Table


class Contents(Table):
    """One row per film."""

    name: ClassVar[str] = "contents"
    columns: ClassVar[Mapping[str, Column]] = {
        "image_id": Column(pl.String, "identifier of the film"),
        "digest": Column(
            pl.String,
            "hash of the pixels, patient, labels and annotations of the film; copies in other "
            "folders have the same",
        ),
        "changed": Column(
            pl.Int64,
            "when its files, or what the file system says of them, last changed as it was read, in "
            "nanoseconds; null where it lies in no file",
        ),
    }
