"""How much of a map lies on something that is no finding, such as a tag, a tube or a pacemaker?

A classifier may tell the finding by what goes together with it, and its maps then show that.  On
films on which such a structure was marked, every map is asked what share of its positive relevance
lies there (``relevance_mass``) and whether its peak does (``hit_rate``), over the common frame; the
share of the film that the structure takes is what a map without any preference would have.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from heatproof.data.readers import first_of, ranked_readers, shared
from heatproof.data.references import references_of
from heatproof.experiment.workspace import Workspace
from heatproof.localize.made_without import FRAME
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

Ranking = Mapping[str, Sequence[str]]  # by structure, as of ``ranked_readers``


def on_structures(work: Workspace, judged: Sequence[Judged]) -> list[str]:
    """Write the units that are missing; returns the names of all."""
    names = []
    for one in judged:
        kept, ranking = Kept(work, one, SIDE), _ranking(work, one.judging.films.samples)
        for block in one.blocks if one.methods else ():
            marked = [sample for sample in block.samples if _marked(ranking, sample)]
            several = shared(ranking, [sample.annotations for sample in marked])
            name = digest(
                *("structures", work.experiment.score.structures, annotations_of(marked)),
                [block.made(method) for method in one.methods],
                *([several] if several else []),
            )
            if marked and name not in work.structures:
                work.structures.put(name, _rows(one, block, kept, marked, ranking))
            names += [name] if marked else []
    return names


def _ranking(work: Workspace, samples: Sequence[Sample]) -> Ranking:
    """Of each structure that is asked about, the readers in the order in which they count."""
    ranking = ranked_readers(sample.annotations for sample in samples)
    asked = work.experiment.score.structures
    return {structure: readers for structure, readers in ranking.items() if structure in asked}


def _marked(ranking: Ranking, sample: Sample) -> list[tuple[str, str]]:
    """Structures on a film, each with the reader who counts of those who marked it."""
    on_film = [structure for structure, _ in references_of(sample, list(ranking))[::-1]]
    readers = {name: first_of(ranking, sample.annotations, name) for name in on_film}
    return [(structure, reader) for structure, reader in readers.items() if reader is not None]


def _rows(
    one: Judged, block: Block, kept: Kept, marked: Sequence[Sample], ranking: Ranking
) -> Iterator[dict[str, Any]]:
    wanted = [(sample, finding) for sample in marked for finding in block.findings]
    maps = kept.of(one.methods, wanted)
    share, peak = RelevanceMass(), HitRate()
    for sample in marked:
        for structure, source in _marked(ranking, sample):
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
