"""Films: patients, studies, views, labels and marks, one row per film of every data set.

The table is made once from the data sets.  Analyses read it, so none of them opens a data set for
a patient, a study, a label, a view or a mark.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import polars as pl

from heatproof.data.annotations.readers import ranked_by_place
from heatproof.tables import Column, Table
from heatproof.types import Annotation, Sample

CLUSTER = Column(
    pl.String,
    "what is independent: the patient, or the film itself where the patient is unknown",
)


@dataclass(frozen=True)
class CountingReaders:
    """Which reader counts for each finding of each data set.

    Attributes:
        readers: The name of the reader, by data set and finding.
    """

    readers: Mapping[tuple[str, str], str]

    def rows_of(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows whose ``reader`` is the one who counts for their ``data`` and ``finding``."""
        counting = pl.DataFrame(
            [(*place, reader) for place, reader in self.readers.items()],
            {"data": pl.String, "finding": pl.String, "reader": pl.String},
            orient="row",
        )
        # A semi-join filters rows and adds no column, and keeps each row once.
        return rows.join(counting, on=counting.columns, how="semi", maintain_order="left")


class Films(Table):
    """One row per film of every data set, whether a model judges it or not."""

    name: ClassVar[str] = "films"
    columns: ClassVar[Mapping[str, Column]] = {
        "data": Column(pl.String, "name of the data set"),
        "image_id": Column(pl.String, "identifier of the film, unique in its data set"),
        "cluster": CLUSTER,
        "patient": Column(pl.String, "identifier of the patient; null: unknown"),
        "study": Column(pl.String, "identifier of the examination; empty: unknown"),
        "view": Column(pl.String, "projection, as the data set spells it; empty: unknown"),
        "labels": Column(
            pl.List(pl.Struct({"finding": pl.String, "label": pl.Boolean})),
            "one entry per labelled finding; `label` null: uncertain; a finding without an entry "
            "is unknown",
        ),
        "marks": Column(
            pl.List(
                pl.Struct(
                    {
                        "finding": pl.String,
                        "reader": pl.String,
                        "instances": pl.Int64,
                        "benchmark": pl.Boolean,
                    }
                )
            ),
            "one entry per annotation: `reader` drew `instances` things; `benchmark` yes: the "
            "reader is the human benchmark, and no reference",
        ),
        "metadata": Column(
            pl.List(pl.Struct({"name": pl.String, "text": pl.String, "number": pl.Float64})),
            "one entry per further fact, such as sex or age; the value is in `text` or in "
            "`number`, and the other is null",
        ),
    }

    @classmethod
    def of(cls, data: Mapping[str, Sequence[Sample]]) -> "Films":
        """The table of these data sets, given by name."""
        return cls.of_rows(_row(name, sample) for name, films in data.items() for sample in films)

    def counting(self) -> CountingReaders:
        """Which reader counts for each finding of each data set: ``annotations.readers``."""
        films = (
            # A set, so that several marks of one reader on a film count as one film.
            # The human benchmark is compared with, and is no reference that others are judged by.
            {((data, mark["finding"]), mark["reader"]) for mark in marks if not mark["benchmark"]}
            for data, marks in self.frame.select("data", "marks").iter_rows()
        )
        return CountingReaders(
            {place: readers[0] for place, readers in ranked_by_place(films).items()}
        )

    def attributes(self) -> dict[str, list[str | float | None]]:
        """The view and each metadatum, by name: one value per film, in order; None is unknown."""
        rows = [_values(row) for row in self.frame["metadata"].to_list()]
        names = dict.fromkeys(name for row in rows for name in row)
        # The table writes an unknown view as empty text, where groups expect None.
        views: list[str | float | None] = [view or None for view in self.frame["view"]]
        return {"view": views} | {name: [row.get(name) for row in rows] for name in names}

    def labels_of(self, finding: str) -> list[tuple[bool, bool | None]]:
        """For every film, whether it is labelled for the finding, and the label (None: uncertain).

        The label of a film that is not labelled is None, too.
        """
        films = [
            {entry["finding"]: entry["label"] for entry in labels}
            for labels in self.frame["labels"].to_list()
        ]
        return [(finding in labels, labels.get(finding)) for labels in films]

    def findings(self) -> tuple[str, ...]:
        """Every finding that a film is labelled for, or a reader marked, each once."""
        columns = self.frame.select("labels", "marks").rows()
        return tuple(dict.fromkeys(e["finding"] for row in columns for part in row for e in part))

    def marked_by(self) -> Iterator[frozenset[tuple[str, str]]]:
        """For every film, the pairs of finding and reader of its marks, with the benchmark's."""
        for marks in self.frame["marks"].to_list():
            yield frozenset((mark["finding"], mark["reader"]) for mark in marks)


def _row(data: str, sample: Sample) -> dict[str, Any]:
    return {
        "data": data,
        "image_id": sample.image_id,
        "cluster": sample.cluster,
        "patient": sample.patient_id,
        "study": sample.study_id,
        "view": sample.view,
        "labels": [{"finding": name, "label": label} for name, label in sample.labels.items()],
        "marks": [*_marks(sample.annotations, False), *_marks(sample.benchmark, True)],
        # A column has one type, so a fact is in ``text`` or in ``number``, and ages stay numbers.
        "metadata": [
            {"name": name, "text": None, "number": value}
            if isinstance(value, int | float)
            else {"name": name, "text": value, "number": None}
            for name, value in sample.metadata.items()
        ],
    }


def _marks(annotations: Iterable[Annotation], benchmark: bool) -> Iterator[dict[str, Any]]:
    for mark in annotations:
        yield {
            "finding": mark.finding,
            "reader": mark.source,
            "instances": mark.instances,
            "benchmark": benchmark,
        }


def _values(metadata: Iterable[Mapping[str, Any]]) -> dict[str, str | float]:
    return {m["name"]: m["number"] if m["text"] is None else m["text"] for m in metadata}
