"""Stage: how much of a map lies on a structure that is no finding, such as a tag or a pacemaker.

A classifier may predict the finding from what goes together with it, and its maps then show that.
On films on which such a structure was marked, the share of the positive relevance that lies there
is measured (``relevance_mass``), and whether the peak does (``hit_rate``), over the common frame.
A map without any preference has the share of the film that the structure takes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from heatproof.data.annotations.readers import first_of, ranked_readers, shared
from heatproof.data.annotations.references import references_of
from heatproof.experiment.workspace import Workspace
from heatproof.localize.controls import FRAME
from heatproof.localize.measure import UNSCORED
from heatproof.localize.metrics.hit_rate import HitRate
from heatproof.localize.metrics.relevance_mass import RelevanceMass
from heatproof.stages.blocks import Block, Judged
from heatproof.stages.framing import StoredMaps
from heatproof.stages.loop import Unit, make
from heatproof.stages.reader_agreement import framed_mask
from heatproof.stages.scoring import annotations_of
from heatproof.tables.units import digest
from heatproof.types import Sample

FRAME_SIDE = FRAME.height
_HALF = 0.5  # a pixel of the frame is marked where at least this share of it is

ReaderRanking = Mapping[str, Sequence[str]]  # by structure, as of ``ranked_readers``
Structures = Mapping[str, str]  # by structure on one film: the reader who counts


def structure_units(work: Workspace, judged: Sequence[Judged]) -> list[str]:
    """Write the units that are missing; returns the names of all."""
    units = [unit for outcome in judged if outcome.methods for _, unit in units_of(work, outcome)]
    return make(units, work.structures)


def units_of(work: Workspace, judged: Judged) -> Iterator[tuple[Block, Unit]]:
    """Every block of films with a structure, and its unit."""
    names = work.experiment.score.structures
    ranking = _ranking(judged.films.samples, names)
    for block in judged.blocks:
        marked = [
            (sample, structures)
            for sample in block.samples
            if (structures := _structures_of(sample, ranking))
        ]
        if marked:
            samples = [sample for sample, _ in marked]
            several = shared(ranking, [sample.annotations for sample in samples])
            name = digest(
                *("structures", names, annotations_of(block.films, samples)),
                # A unit holds rows of all methods, so each of them has a part in its name.
                [block.made(method) for method in judged.methods],
                # Only where it decides: other units keep the names that they had before.
                *([several] if several else []),
            )
            # Maps of this block alone: those of others may not be made yet.
            kept = StoredMaps(work, replace(judged, blocks=(block,)), FRAME_SIDE)
            yield block, Unit(name, partial(_rows, judged.methods, block, kept, marked))


def _ranking(samples: Sequence[Sample], names: Sequence[str]) -> ReaderRanking:
    """The readers of each of these structures, in the order in which they count."""
    ranking = ranked_readers(sample.annotations for sample in samples)
    return {structure: readers for structure, readers in ranking.items() if structure in names}


def _structures_of(sample: Sample, ranking: ReaderRanking) -> Structures:
    """The structures on a film, each with the one reader who counts."""
    # Last drawn first: rows stand in the order that version 0.1 wrote them in.
    on_film = [structure for structure, _ in references_of(sample, list(ranking))[::-1]]
    readers = {name: first_of(ranking, sample.annotations, name) for name in on_film}
    return {structure: reader for structure, reader in readers.items() if reader is not None}


def _rows(
    methods: Sequence[str],
    block: Block,
    kept: StoredMaps,
    marked: Sequence[tuple[Sample, Structures]],
) -> Iterator[dict[str, Any]]:
    maps = kept.of(methods, [(s, finding) for s, _ in marked for finding in block.findings])
    share, peak = RelevanceMass(), HitRate()
    for sample, structures in marked:
        for structure, reader in structures.items():
            framed = framed_mask(sample, structure, reader, FRAME_SIDE)
            if framed is None:
                continue
            mask = framed.values > _HALF
            for method in methods:
                for finding in block.findings:
                    stored = maps.get((method, sample.image_id, finding))
                    if stored is None or stored.validity in UNSCORED:
                        continue
                    yield {
                        **block.columns,
                        "image_id": sample.image_id,
                        "cluster": sample.cluster,
                        "finding": finding,
                        "method": method,
                        "structure": structure,
                        "share": share(stored.values, mask),
                        "peak": peak(stored.values, mask),
                        "area": float(mask.mean()),
                    }
