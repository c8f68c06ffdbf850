"""How much of the maps of a method lies on something that is no finding."""

from collections.abc import Iterator
from dataclasses import dataclass

from heatproof.analysis.intervals import Intervals
from heatproof.stats import bounded
from heatproof.tables.structures import OnStructures
from heatproof.types import Estimate


@dataclass(frozen=True)
class Structure:
    """How much of the maps of one method lies on something that is no finding.

    Attributes:
        finding: The finding that the maps explain.
        structure: What else was marked on the films, such as a tag.
        share: Share of the positive relevance that lies on it, in [0, 1], the mean over films.
        peak: Share of films on which the peak of the map lies on it, in [0, 1].
        area: Share of the film that it covers, in [0, 1], the mean over films: what the other two
            would be by chance.
    """

    dataset: str
    model: str
    finding: str
    structure: str
    method: str
    share: Estimate
    peak: Estimate
    area: float


def on_structures(rows: OnStructures, intervals: Intervals) -> Iterator[Structure]:
    """One record per data set, model, finding, structure and method."""
    for keys, maps in rows.by("data", "model", "finding", "structure", "method"):
        drawing = intervals.over(maps.frame)
        area = maps.frame["area"].mean()
        assert isinstance(area, float)
        data, model, finding, structure, method = keys
        yield Structure(
            dataset=data,
            model=model,
            finding=finding,
            structure=structure,
            method=method,
            # ``bounded`` has an interval also where no peak, or every peak, lies on the structure.
            share=bounded.mean(maps.frame["share"].to_numpy(), **drawing),
            peak=bounded.mean(maps.frame["peak"].to_numpy(), **drawing),
            area=area,
        )
