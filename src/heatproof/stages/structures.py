"""How much of a map lies on something that is no finding, such as a tag, a tube or a pacemaker?

A classifier may tell the finding by what goes together with it, and its maps then show that.  On
films on which such a structure was marked, every map is asked what share of its positive relevance
lies there (``relevance_mass``) and whether its peak does (``hit_rate``), over the common frame; the
share of the film that the structure takes is what a map without any preference would have.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from heatproof.data.references import references_of
from heatproof.experiment.workspace import Workspace
from heatproof.localize.controls import FRAME
from heatproof.localize.measure import UNSCORED
from heatproof.localize.metrics.hit_rate import HitRate
from heatproof.localize.metrics.relevance_mass import RelevanceMass
from heatproof.stages.blocks import Block, Judged
from heatproof.stages.framing import Kept
from heatproof.stages.readers import framed_mask
from heatproof.stages.scoring import annotations_of
from heatproof.tables.units import digest
from heatproof.types import Sample

SIDE = FRAME.height


def on_structures(work: Workspace, judged: Sequence[Judged]) -> list[str]:
    """Write the units that are missing; returns the names of all."""
    names = []
    for one in judged:
        kept = Kept(work, one, SIDE)
        for block in one.blocks if one.methods else ():
            marked = [sample for sample in block.samples if _marked(work, sample)]
            name = digest(
                *("structures", work.experiment.score.structures, annotations_of(marked)),
                [block.made(method) for method in one.methods],
            )
            if marked and name not in work.structures:
                work.structures.put(name, _rows(work, one, block, kept, marked))
            names += [name] if marked else []
    return names


def _marked(work: Workspace, sample: Sample) -> list[tuple[str, str]]:
    """Structures on a film, each by the first who marked it."""
    found = references_of(sample, work.experiment.score.structures)
    return list({structure: (structure, source) for structure, source in found[::-1]}.values())


def _rows(
    work: Workspace, one: Judged, block: Block, kept: Kept, marked: Sequence[Sample]
) -> Iterator[dict[str, Any]]:
    wanted = [(sample, finding) for sample in marked for finding in block.findings]
    maps = kept.of(one.methods, wanted)
    share, peak = RelevanceMass(), HitRate()
    for sample in marked:
        for structure, source in _marked(work, sample):
            drawn = framed_mask(sample, structure, source, SIDE)
            if drawn is None:
                continue
            mask = drawn.values > 0.5  # noqa: PLR2004  (half of a pixel)
            for method in one.methods:
                for finding in block.findings:
                    found = maps.get((method, sample.image_id, finding))
                    if found is None or found.validity in UNSCORED:
                        continue
                    yield {
                        **block.what,
                        "image_id": sample.image_id,
                        "cluster": sample.cluster,
                        "finding": finding,
                        "method": method,
                        "structure": structure,
                        "share": share(found.values, mask),
                        "peak": peak(found.values, mask),
                        "area": float(mask.mean()),
                    }
