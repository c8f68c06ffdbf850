"""Stage: the shape of everything that was marked and scored."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from heatproof.data.references import reference_mask
from heatproof.data.threads import side_by_side
from heatproof.diagnose.boxes import coverage
from heatproof.diagnose.lesion_geometry import geometry, instances_drawn
from heatproof.experiment.films import annotations_digest
from heatproof.experiment.workspace import Workspace
from heatproof.tables.scores import Scores
from heatproof.tables.shapes import Shapes
from heatproof.tables.units import digest
from heatproof.types import Sample

_PLACE = ["data", "image_id", "finding", "reader"]


def shapes(work: Workspace, scores: Scores) -> Shapes:
    """The shape of everything that was marked and scored."""
    marked = scores.marked().frame.select(_PLACE).unique(maintain_order=True)
    units = []
    for (data,), places in marked.group_by(["data"], maintain_order=True):
        samples = {sample.image_id: sample for sample in work.data[str(data)].samples}
        drawn = [samples[name] for name in places["image_id"].unique(maintain_order=True)]
        made_of = [(s.image_id, s.pixels.version(), annotations_digest(s)) for s in drawn]
        units.append(name := digest(places.rows(), made_of))
        if name not in work.shapes:
            with side_by_side() as pool:
                rows = list(pool.map(partial(_shape, samples), places.rows()))
            work.shapes.put(name, rows)
    return work.shapes.read(units)


def _shape(samples: Mapping[str, Sample], place: tuple[str, ...]) -> dict[str, Any]:
    _, image_id, finding, reader = place
    sample = samples[image_id]
    instances = max(instances_drawn(sample.annotations, finding, reader), 1)  # a mask is one thing
    mask = reference_mask(sample, finding, reader)
    found = asdict(geometry(mask, instances)) | {"box_coverage": coverage(mask)}
    return dict(zip(_PLACE, place, strict=True)) | found
