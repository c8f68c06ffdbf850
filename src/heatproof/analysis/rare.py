"""Findings with too few positives to conclude from: their numbers describe these films, no more.

Below ``[statistics] min_positives`` a finding gets no interval, no test, no regression and no
verdict, and is listed.  Positives of maps are the films on which the finding is marked, those of a
classifier the films (or studies) that are labelled with it; trust needs enough of either.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from heatproof.analysis.classification import Classification
from heatproof.experiment.workspace import Workspace


@dataclass(frozen=True)
class Rare:
    """A finding with too few positives to conclude from: its numbers are shown without intervals.

    Attributes:
        what: ``"maps"``: marked on few films; ``"classifier"``: few are labelled with it.
        positives: How many those are.
        least: How many it takes.
    """

    dataset: str
    finding: str
    what: str
    positives: int
    least: int


_PLACE = ["data", "finding"]


def rare(
    work: Workspace, scores: pl.DataFrame, classified: Sequence[Classification]
) -> tuple[Rare, ...]:
    """Every finding of every data set that has too few positives for something."""
    counts = {(c.dataset, c.finding, "maps"): 0 for c in classified}
    made = scores.filter(pl.col("group") != "")  # what no model made is no case
    for (data, finding), rows in made.group_by(_PLACE, maintain_order=True):
        counts[str(data), str(finding), "maps"] = marked(rows)
    for one in classified:
        place = (one.dataset, one.finding, "classifier")
        counts[place] = min(one.positives, counts.get(place, one.positives))
    least = work.experiment.statistics.min_positives
    return tuple(
        Rare(data, finding, what, number, least)
        for (data, finding, what), number in counts.items()
        if number < least
    )


def marked(rows: pl.DataFrame) -> int:
    """Films on which the finding is marked."""
    return rows.filter(pl.col("regions") > 0)["image_id"].n_unique()


def frequent(table: pl.DataFrame, found: Sequence[Rare]) -> pl.DataFrame:
    """The rows of findings that are marked on enough films."""
    return _without(table, {(one.dataset, one.finding) for one in found if one.what == "maps"})


def trustworthy(table: pl.DataFrame, found: Sequence[Rare]) -> pl.DataFrame:
    """The rows of findings that are marked on enough films, or labelled so."""
    places = [(one.dataset, one.finding) for one in found]
    return _without(table, {place for place in places if places.count(place) > 1})


def _without(table: pl.DataFrame, places: set[tuple[str, str]]) -> pl.DataFrame:
    gone = pl.DataFrame(sorted(places), dict.fromkeys(_PLACE, pl.String), orient="row")
    return table.join(gone, on=_PLACE, how="anti", maintain_order="left")
