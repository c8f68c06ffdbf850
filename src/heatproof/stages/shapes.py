"""Stage: the shape of every mask that maps were scored against."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict
from functools import partial
from typing import Any

from heatproof.data.annotations.references import reference_mask
from heatproof.data.threads import side_by_side
from heatproof.diagnose.boxes import coverage
from heatproof.diagnose.lesion_geometry import geometry, instances_drawn
from heatproof.experiment.films import OpenedData
from heatproof.experiment.workspace import Workspace
from heatproof.stages.loop import Unit, make
from heatproof.tables.scores import Scores
from heatproof.tables.shapes import PLACE, Shapes
from heatproof.tables.units import digest
from heatproof.types import Sample

Place = tuple[str, str, str, str]  # the values of these columns


def shapes(work: Workspace, scores: Scores) -> Shapes:
    """Write the units that are missing; returns the shape of every mask that was scored against."""
    # The order of places enters the name of the unit, and polars keeps none unless it is told to.
    marked = scores.marked().frame.select(PLACE).unique(maintain_order=True)
    with side_by_side() as pool:
        units = [
            _unit(work.data[str(data)], places.rows(), pool)
            for (data,), places in marked.group_by(["data"], maintain_order=True)
        ]
        names = make(units, work.shapes)
    return work.shapes.read(names)


def _unit(films: OpenedData, places: Sequence[Place], pool: Executor) -> Unit:
    """The unit of the masks of one data set."""
    samples = {sample.image_id: sample for sample in films.samples}
    marked = [samples[name] for name in dict.fromkeys(name for _, name, _, _ in places)]
    versions = [(s.image_id, films.version(s), films.drawn(s)) for s in marked]

    def rows() -> Iterable[dict[str, Any]]:
        return pool.map(partial(_shape, films, samples), places)

    return Unit(digest(places, versions), rows)


def _shape(films: OpenedData, samples: Mapping[str, Sample], place: Place) -> dict[str, Any]:
    """The row of the mask of one reader for one finding on one film."""
    _, image_id, finding, reader = place
    sample = samples[image_id]
    instances = max(instances_drawn(sample.annotations, finding, reader), 1)  # a mask counts as one
    mask = reference_mask(sample, finding, reader)
    films.check_files_of_marks(sample)
    shape = asdict(geometry(mask, instances)) | {"box_coverage": coverage(mask)}
    return dict(zip(PLACE, place, strict=True)) | shape
