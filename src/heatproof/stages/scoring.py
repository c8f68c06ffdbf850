"""Stage: every map against every annotation of its finding; ``controls.py`` adds the controls.

A metric of maps makes its value here; a metric of data sets sees of the map what it needs.  Both
look where something is marked, and those that see negatives also at films labelled without the
finding, once for every reader who marked it on any film.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from typing import Any

from heatproof.data.decoded import Decoded
from heatproof.data.geometry import Geometry
from heatproof.data.references import reference_mask, references_of
from heatproof.data.threads import side_by_side
from heatproof.errors import AnnotationError, PixelError
from heatproof.experiment.films import Films, annotations_digest
from heatproof.experiment.workspace import Workspace
from heatproof.localize import Metric, Reference, sees_negatives
from heatproof.localize.measure import (
    Measures,
    Values,
    is_asked,
    measure_map,
    measure_reading,
    measures,
)
from heatproof.localize.reading import Reading
from heatproof.maps.store import StoredMap
from heatproof.progress import Progress
from heatproof.registry import files_of
from heatproof.stages.blocks import Block
from heatproof.tables.units import digest
from heatproof.types import MapKey, Sample, Validity

Places = tuple[tuple[str, str], ...]  # finding and reader


OfFilm = Callable[[str, str], StoredMap | Reading | None]
"""The map of one film, or what a reader made of it, by finding and reference; None without one."""


@dataclass(frozen=True)
class Task:
    """Maps of one method over some films, to be scored.

    Attributes:
        name: Of the unit of scores.
        what: The first columns of every row.
        method: Its spec.
        samples: The films.
        findings: Those explained.
        places: Finding and reader of every mask that a film is compared with.
        maps: Fetches them, and hands out those of one film at a time; a film without one was set
            aside when it was explained.
        geometry: Brings a map back to the film.
        metrics: As they measure this method, by spec.
    """

    name: str
    what: Mapping[str, str]
    method: str
    samples: tuple[Sample, ...]
    places: Mapping[str, Places]
    maps: Callable[[], Callable[[Sample], OfFilm]]
    geometry: Geometry
    metrics: Mapping[str, Metric]


def block_task(work: Workspace, block: Block, method: str, geometry: Geometry) -> Task:
    """The maps that one model and method made of one block of films."""
    compared = places_of(work, block.judging.films, block.samples, block.findings)

    def maps() -> Callable[[Sample], OfFilm]:
        wanted = {(image_id, finding) for image_id, at in compared.items() for finding, _ in at}
        made = work.made.read([block.made(method)]).frame.select("image_id", "finding").iter_rows()
        places = [place for place in made if place in wanted]
        keys = [MapKey(block.id, method, *place) for place in places]
        stored = work.store(block.what["data"]).get_many(keys)
        found = dict(zip(places, stored, strict=True))
        del stored

        def of_film(sample: Sample) -> OfFilm:
            # Taken out, so that the maps of a film go when it is scored: a block of them is large.
            own = {f: found.pop((sample.image_id, f), None) for f in block.findings}
            return lambda finding, _: own.get(finding)

        return of_film

    measures = work.measures.of(block.what["model"], method)
    return Task(
        name=digest(
            block.made(method),
            annotations_of(block.samples),
            list(compared.items()),
            measures_of(work, measures),
        ),
        what=block.what,
        method=method,
        samples=block.samples,
        places=compared,
        maps=maps,
        geometry=geometry,
        metrics=measures,
    )


def score(work: Workspace, tasks: Sequence[Task], progress: Progress) -> None:
    """Write the units that are missing; films of a unit are scored side by side."""
    missing = [task for task in tasks if task.name not in work.scores]
    for _ in range(len(tasks) - len(missing)):
        progress.advance(skipped=True)
    with side_by_side() as pool:
        fetched = [pool.submit(missing[0].maps)] if missing else []
        for task, following in zip_longest(missing, missing[1:]):
            score_film = partial(_score, measures(task.metrics), task, fetched.pop().result(), {})
            rows = pool.map(score_film, task.samples)
            if following:  # its maps are read as the last of these are scored
                fetched.append(pool.submit(following.maps))
            work.scores.put(task.name, [row for part in rows for row in part])
            progress.advance()


def places_of(
    work: Workspace, films: Films, samples: Sequence[Sample], findings: Sequence[str]
) -> dict[str, Places]:
    """Finding and reader of every mask, by film; empty ones where a metric sees negatives."""
    readers: dict[str, dict[str, None]] = {}
    if any(map(sees_negatives, work.metrics.values())):
        for finding, source in (p for s in films.samples for p in references_of(s, findings)):
            readers.setdefault(finding, {})[source] = None
    places = {}
    for sample in samples:
        absent = [finding for finding in findings if sample.labels.get(finding) is False]
        empty = ((finding, source) for finding in absent for source in readers.get(finding, ()))
        places[sample.image_id] = tuple(dict.fromkeys((*references_of(sample, findings), *empty)))
    return places


def _score(
    measures: Measures,
    task: Task,
    maps: Callable[[Sample], OfFilm],
    unmarked: dict[object, tuple[StoredMap, Values]],
    sample: Sample,
) -> list[dict[str, Any]]:
    """The rows of one film.

    A control that is the same map on film after film measures the same wherever nothing is marked
    on films of one size; ``unmarked`` keeps what it measured.
    """
    sample = dataclasses.replace(sample, pixels=Decoded(sample.pixels))  # asked once, not per map
    rows, of_film, drawn = [], maps(sample), set(references_of(sample))
    for finding, source in task.places[sample.image_id]:
        try:
            found = of_film(finding, source)
        except (AnnotationError, PixelError):
            continue  # a control cannot be made of it; it is set aside where a map is scored
        if found is None:
            continue
        row: dict[str, Any] = {
            **task.what,
            "image_id": sample.image_id,
            "cluster": sample.cluster,
            "finding": finding,
            "reader": source,
            "method": task.method,
        }
        try:
            reference, spacing = _reference(sample, finding, source), sample.pixels.spacing()
        except (AnnotationError, PixelError) as error:
            rows.append(row | {"reason": str(error)})
            continue
        validity = Validity.OK if isinstance(found, Reading) else found.validity
        row |= {"validity": validity.value, "regions": _regions(reference)}
        marked, holds = (finding, source) in drawn, bool(reference.mask.any())
        chosen = [
            one for one in measures(finding, spacing) if is_asked(one, marked=marked, holds=holds)
        ]
        if isinstance(found, Reading):
            values = measure_reading(chosen, found, reference)
        elif holds:
            values = measure_map(chosen, found, task.geometry, reference)
        else:
            same = (id(found), reference.mask.shape, finding, spacing, marked)
            if same not in unmarked:
                # The map is kept too: the identity of one that is gone may be given to another.
                values = measure_map(chosen, found, task.geometry, reference)
                unmarked[same] = found, values
            values = unmarked[same][1]
        rows += [row | {"metric": spec} | value for spec, value in values.items()]
    return rows


def _reference(sample: Sample, finding: str, source: str) -> Reference:
    drawn = [a for a in sample.annotations if (a.finding, a.source) == (finding, source)]
    return Reference(reference_mask(sample, finding, source), tuple(a.shape for a in drawn))


def _regions(reference: Reference) -> int:
    """How many regions are marked: as many as were drawn, at least one where any pixel is."""
    if not reference.mask.any():
        return 0
    return max(sum(shape.instances for shape in reference.shapes), 1)


def annotations_of(samples: Sequence[Sample]) -> list[tuple[str, str, str, str]]:
    """What a unit of scores depends on besides maps and metrics."""
    return [(s.image_id, s.pixels.version(), s.cluster, annotations_digest(s)) for s in samples]


def measures_of(work: Workspace, measures: Mapping[str, Metric]) -> str:
    """Changes when a metric does, or a table that it reads, or what tuning films chose."""
    tables = sorted(path for metric in work.metrics.values() for path in files_of(metric))
    chosen = [str(one) for spec, one in measures.items() if one is not work.metrics[spec]]
    texts = [table.read_text(encoding="utf-8") for table in tables]
    return digest(list(work.metrics), texts, *chosen)
