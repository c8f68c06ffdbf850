"""How many cases it takes to conclude something, and which findings have fewer.

Thresholds of the analysis and of the report stand here, those of conclusions in ``stats.estimates``
and ``stats.classification``, where they are measured; docs/explanation/how-many-cases.md lists all
of them beside those that an experiment sets.

Below ``[statistics] min_positives`` a finding gets no interval, no test, no regression and no
verdict: its numbers describe these films, and it is listed.  Positives of maps are the films on
which the finding is marked, positives of a classifier the films (or studies) that are labelled with
it; a verdict of trust needs enough of either, unless it is of maps of all films.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from heatproof.analysis.classification import Classification
from heatproof.analysis.intervals import Intervals
from heatproof.stats.estimates import TO_CONCLUDE
from heatproof.tables import AnyTable
from heatproof.tables.scores import Scores

FEW_CASES = 30
"""Fewer cases are called few: what befalls one film in ten may have befallen none of them."""
TO_FIT = TO_CONCLUDE
"""Patients behind a slope, and scores of each group of films that is compared with the others.

Standard errors by cluster rest on the number of clusters, and are too small where that is smaller.
"""
TO_CORRELATE = 4
"""Findings behind a rank correlation: three in order are chance in one case of three."""
TO_DRAW_A_LINE = 3
"""Different values of a feature in a scatter plot: a line through two fits them by construction."""
TO_SUSPECT = 10
"""Outputs of a model: that so many logits lie between 0 and 1 is hardly chance."""

_PLACE = ["data", "finding"]


@dataclass(frozen=True)
class Rare:
    """A finding with too few positives to conclude from: its numbers are shown without intervals.

    Attributes:
        what: ``"maps"``: marked on few films; ``"classifier"``: few are labelled with it.
        positives: Number of these films; of a classifier that studies are counted for, of studies.
        least: Number of positives that it takes to conclude.
        by: What is counted: ``"image"`` or ``"study"``.
    """

    dataset: str
    finding: str
    what: str
    positives: int
    least: int
    by: str = "image"


def rare(
    scores: Scores, classified: Sequence[Classification], intervals: Intervals
) -> tuple[Rare, ...]:
    """Every finding of every data set that has too few positives for something.

    Args:
        scores: Scores of maps and controls, against the reader who counts.
        classified: How well each model recognizes each finding.
        intervals: How intervals are made; they say how many positives it takes.
    """
    # A finding that a classifier knows and nobody marked is listed as well, with 0 films.
    counts = {(row.dataset, row.finding, "maps"): 0 for row in classified}
    for (data, finding), maps in scores.of_models().by(*_PLACE):
        counts[data, finding, "maps"] = maps.films_marked()
    for row in classified:
        place = (row.dataset, row.finding, "classifier")
        # Models may judge different films, so the smallest count of any model decides.
        counts[place] = min(row.positives, counts.get(place, row.positives))
    by = {"maps": "image", "classifier": next((row.by for row in classified), "image")}
    return tuple(
        Rare(data, finding, what, number, intervals.min_positives, by[what])
        for (data, finding, what), number in counts.items()
        if not intervals.enough(number)
    )


def frequent(table: AnyTable, few: Sequence[Rare]) -> AnyTable:
    """The rows of findings that are marked on enough films."""
    return _without(table, {(row.dataset, row.finding) for row in few if row.what == "maps"})


def trustworthy(table: AnyTable, few: Sequence[Rare]) -> AnyTable:
    """The rows of findings that are marked on enough films, or labelled so."""
    places = [(row.dataset, row.finding) for row in few]
    # A place stands twice in the list where both marks and labels are too few.
    return _without(table, {place for place in places if places.count(place) > 1})


def _without(table: AnyTable, places: set[tuple[str, str]]) -> AnyTable:
    # The schema is given, since an empty list has no columns to join on.
    gone = pl.DataFrame(sorted(places), dict.fromkeys(_PLACE, pl.String), orient="row")
    return type(table)(table.frame.join(gone, on=_PLACE, how="anti", maintain_order="left"))
