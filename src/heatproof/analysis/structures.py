"""How much of the maps of a method lies on something that is no finding."""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from heatproof.analysis.intervals import resampling
from heatproof.experiment.workspace import Workspace
from heatproof.stats import bounded
from heatproof.types import Estimate


@dataclass(frozen=True)
class Structure:
    """How much of the maps of one method lies on something that is no finding.

    Attributes:
        finding: What is explained.
        structure: What else was marked.
        share: Of the positive relevance, the mean over films.
        peak: Share of films on which the peak of the map lies there.
        area: Share of the film that it takes.
    """

    dataset: str
    model: str
    finding: str
    structure: str
    method: str
    share: Estimate
    peak: Estimate
    area: float


def estimated(work: Workspace, rows: pl.DataFrame) -> Iterator[Structure]:
    """One record per data set, model, finding, structure and method."""
    keys = ["data", "group", "finding", "structure", "method"]
    for (data, group, finding, structure, method), some in rows.group_by(keys, maintain_order=True):
        drawn = resampling(work, some)
        area = some["area"].mean()
        assert isinstance(area, float)
        yield Structure(
            *(str(data), str(group), str(finding), str(structure), str(method)),
            share=bounded.mean(some["share"].to_numpy(), **drawn),
            peak=bounded.mean(some["peak"].to_numpy(), **drawn),
            area=area,
        )
