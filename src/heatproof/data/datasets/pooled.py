"""Pooled: several tables as one data set, such as films with a finding from one and without it from
another.

In an experiment file each table is a data set of its own kind (``manifest`` unless told), with its
own options::

    [[data]]
    name = "pneumothorax"
    dataset = "pooled"

    [data.tables.siim]
    csv = "siim.csv"
    labels.Pneumothorax = true
    mask = "mask"
    masks_frame = [1024, 1024]

    [data.tables.nih]
    csv = "nih.csv"
    where = { labels = "No Finding" }
    labels.Pneumothorax = false

The name of its table is a metadatum of each film, ``table``: results can be told apart by it, and
the report warns where a table alone tells who has a finding.  A patient of one name is one patient
in all tables.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from heatproof.data.datasets import datasets
from heatproof.data.tabular.cells import one_spelling
from heatproof.data.tabular.listed import Listed
from heatproof.errors import DataError
from heatproof.types import Dataset, Sample

TABLE = "table"
"""The metadatum that holds the name of a film's table."""


@datasets.register("pooled")
@dataclass(frozen=True)
class Pooled(Listed):
    """Films of several tables.

    Attributes:
        tables: Data sets by name; in an experiment file the options of each, and its kind as
            ``dataset``, ``manifest`` unless told.
        prefix: Whether films are named ``table/film``, for tables that use the same names.
    """

    tables: Mapping[str, Dataset] = field(
        metadata={"parts": datasets, "kind": ("dataset", "manifest")}
    )
    prefix: bool = False

    @property
    def findings(self) -> tuple[str, ...]:
        """Those of all tables, in the order in which they first come."""
        return tuple(dict.fromkeys(name for data in self.tables.values() for name in data.findings))

    @property
    def strays(self) -> tuple[tuple[str, str], ...]:
        """Items that mark nothing (see ``heatproof.data.check``)."""
        return tuple(
            (self._named(table, place) if place in films else place, reason)
            for table, data in self.tables.items()
            for films in [{data[index].image_id for index in range(len(data))}]
            for place, reason in getattr(data, "strays", ())
        )

    def _named(self, table: str, image_id: str) -> str:
        return f"{table}/{image_id}" if self.prefix else image_id

    @cached_property
    def _samples(self) -> tuple[Sample, ...]:
        if not self.tables:
            raise DataError("a pooled data set without tables; expected [data.tables.NAME]")
        films = [
            (table, data[index])
            for table, data in self.tables.items()
            for index in range(len(data))
        ]
        # Data frames may have written the patients of one table as decimals.
        patients = one_spelling(sample.patient_id for _, sample in films if sample.patient_id)
        samples = tuple(
            replace(
                sample,
                image_id=self._named(table, sample.image_id),
                patient_id=sample.patient_id and patients[sample.patient_id],
                metadata={TABLE: table} | dict(sample.metadata),
            )
            for table, sample in films
        )
        self._check_once(samples)
        return samples

    def _check_once(self, samples: tuple[Sample, ...]) -> None:
        """Raises DataError where two films share a name, or are one file."""
        for image_id, films in Counter(sample.image_id for sample in samples).items():
            if films > 1:
                raise DataError(
                    f"{films} films of {', '.join(self.tables)} are named {image_id!r}; say prefix"
                    " = true, and films are named by their table, too"
                )
        seen: dict[object, Sample] = {}
        for sample in samples:
            file = getattr(sample.pixels, "path", sample)
            first = seen.setdefault(file, sample) if file is not sample else sample
            if first is not sample:
                raise DataError(
                    f"films {first.image_id!r} of {first.metadata[TABLE]} and {sample.image_id!r}"
                    f" of {sample.metadata[TABLE]} are one file, {file}; it would count twice"
                )
