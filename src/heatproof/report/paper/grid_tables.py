"""Tables of trust and of validity: what the grids of the page show, number by number."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from heatproof.analysis.verdicts import high_controls
from heatproof.report.content import Content, MapCounts, StoredFilms
from heatproof.report.names import method_names
from heatproof.report.paper.table import PaperColumn, PaperTable
from heatproof.report.prose.trust_grid import (
    GridCell,
    GridText,
    published_grids,
    the_four_criteria,
    trust_grids,
)
from heatproof.trust.criteria import wording
from heatproof.types import Estimate, Validity, Verdict

ALL_FOUR = "All four"


class _Judged(NamedTuple):
    """One cell of a trust grid, or what a control reaches there."""

    dataset: str
    finding: str
    rule: str
    method: str
    criterion: str
    cell: GridCell | None
    reached: Estimate | None = None

    @property
    def verdict(self) -> Verdict | None:
        """The verdict with its evidence; None for all four together, and for a control."""
        return self.cell.verdict if self.cell else None


class _Valid(NamedTuple):
    """The maps of one method, of one model and data set."""

    method: str
    maps: MapCounts


class _Read(NamedTuple):
    """Films of one data set that were read alike."""

    dataset: str
    way: StoredFilms


class _Published(NamedTuple):
    """One cell of a published grid."""

    study: str
    dataset: str
    method: str
    criterion: str
    verdict: str


def trust_table(
    content: Content, dataset: str = "", finding: str = "", rule: str = ""
) -> PaperTable[_Judged]:
    """Every verdict with what it rests on; of one grid, where one is named."""
    wanted = (dataset, finding, rule)
    grids = [
        grid
        for grid in trust_grids(content)
        if not finding or (grid.dataset, grid.finding, grid.rule.spec) == wanted
    ]
    # Of several tables on one page, each has a caption of its own.
    of_grid = f": {finding} on {dataset}, by {rule}" if finding else ""
    return PaperTable[_Judged](
        "trust",
        f"Verdicts of trust, and what they rest on{of_grid}",
        (
            PaperColumn("Data set", lambda row: row.dataset),
            PaperColumn("Finding", lambda row: row.finding),
            PaperColumn("Rule", lambda row: row.rule),
            PaperColumn("Method", lambda row: row.method),
            PaperColumn("Criterion", lambda row: row.criterion),
            PaperColumn("Verdict", lambda row: row.cell.word if row.cell else "for comparison"),
            PaperColumn("Measured", _measured),
            PaperColumn(
                "Value", lambda row: row.verdict.evidence if row.verdict else row.reached, Estimate
            ),
            PaperColumn("Must be", _must_be),
            PaperColumn("Threshold", _threshold, float),
            PaperColumn(
                "Minus threshold",
                lambda row: row.cell.distance if row.cell else None,
                Estimate,
                signed=True,
            ),
            PaperColumn("p", lambda row: row.verdict.p if row.verdict else None, float),
            PaperColumn("Would settle it", lambda row: row.cell.settles if row.cell else ""),
        ),
        [row for grid in grids for row in _rows(content, grid)],
    )


def validity_table(content: Content) -> PaperTable[_Valid]:
    """How many maps each method made, and how many may be read as maps."""
    names = method_names(content)
    return PaperTable[_Valid](
        "validity",
        "Maps and their validity",
        (
            PaperColumn("Method", lambda row: row.method),
            PaperColumn("Model", lambda row: row.maps.model),
            PaperColumn("Data set", lambda row: row.maps.dataset),
            PaperColumn("Native size", _native),
            PaperColumn("Maps", lambda row: sum(row.maps.counts.values()), int),
            *(_of_kind(kind) for kind in Validity),
        ),
        [_Valid(names[method.spec], made) for method in content.methods for made in method.maps],
    )


def reading_table(content: Content) -> PaperTable[_Read]:
    """How the films of each data set are stored, and so read."""
    return PaperTable[_Read](
        "reading",
        "How films were read",
        (
            PaperColumn("Data set", lambda row: row.dataset),
            PaperColumn("Films", lambda row: row.way.films, int),
            PaperColumn("Format", lambda row: row.way.format),
            PaperColumn("Bits", lambda row: row.way.bits, int),
            PaperColumn("Values", lambda row: row.way.photometric),
            PaperColumn("Black to white", lambda row: row.way.levels),
            PaperColumn("Windows", lambda row: row.way.windows),
            PaperColumn("Height × width", lambda row: row.way.sizes),
        ),
        [_Read(cohort.name, way) for cohort in content.cohorts for way in cohort.stored],
    )


def published_trust_table(content: Content) -> PaperTable[_Published]:
    """Verdicts that studies print, where the page shows them: beside verdicts of its own."""
    criteria = [*(text.title for text in the_four_criteria()), ALL_FOUR]
    records = [
        _Published(grid.source.tag, grid.data, line.name, criterion, cell.word)
        for grid, lines in published_grids()
        for line in lines
        for criterion, cell in zip(criteria, (*line.cells, line.all_four), strict=True)
    ]
    return PaperTable[_Published](
        "publishedtrust",
        "Published verdicts of trust",
        (
            PaperColumn("Study", lambda row: row.study),
            PaperColumn("Data set", lambda row: row.dataset),
            PaperColumn("Method", lambda row: row.method),
            PaperColumn("Criterion", lambda row: row.criterion),
            PaperColumn("Verdict", lambda row: row.verdict),
        ),
        records if trust_grids(content) else (),
    )


def _rows(content: Content, grid: GridText) -> Iterator[_Judged]:
    place = (grid.dataset, grid.finding, grid.rule.name)
    titles = [column.title for column in grid.columns]
    for line in grid.lines:
        for title, cell in zip(titles, line.cells, strict=True):
            yield _Judged(*place, line.name, title, cell)
        yield _Judged(*place, line.name, ALL_FOUR, line.all_four)
    for trust in content.trust:
        if (trust.dataset, trust.finding, trust.rule) != (
            grid.dataset,
            grid.finding,
            grid.rule.spec,
        ):
            continue
        by_criterion = dict(zip(grid.criteria, titles, strict=True))
        for high in trust.high:
            nan = math.nan
            reached = Estimate(high.value, nan, nan, nan, 0, "")
            name = high_controls().get(high.control, high.control)
            criterion = by_criterion.get(high.criterion) or wording(high.criterion).title
            yield _Judged(*place, name, criterion, None, reached)


def _measured(row: _Judged) -> str:
    # What was measured is said with its number on the page: "SSIM 0.71".
    return row.cell.value.rpartition(" ")[0] if row.cell else ""


def _threshold(row: _Judged) -> float | None:
    return row.verdict.threshold if row.verdict and row.cell and row.cell.needed else None


def _must_be(row: _Judged) -> str:
    if row.verdict is None or _threshold(row) is None:
        return ""
    return "above" if row.verdict.above else "below"


def _native(row: _Valid) -> str:
    return f"{row.maps.native[0]} × {row.maps.native[1]}" if row.maps.native else "varies"


def _of_kind(kind: Validity) -> PaperColumn[_Valid]:
    name = "Valid" if kind is Validity.OK else f"Not valid: {kind}"
    return PaperColumn(name, lambda row: row.maps.counts.get(kind, 0), int)
