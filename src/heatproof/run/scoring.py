"""Stage: every map against every annotation of its finding; ``controls.py`` adds the controls.

A metric of maps makes its value here; a metric of data sets sees of the map what it needs.  Both
look where something is marked, and those that see negatives also at films labelled without the
finding, once for every reader who marked it on any film.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial, reduce
from itertools import zip_longest
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from heatproof.data.geometry import Geometry, shown
from heatproof.errors import AnnotationError, PixelError
from heatproof.localize import DatasetMetric, Metric, Reference, sees_negatives, specialize
from heatproof.localize.overlap import Counting, of_masks, overlaps
from heatproof.localize.reading import Pointing, Reading
from heatproof.maps.store import StoredMap
from heatproof.registry import files_of
from heatproof.run.decoded import Decoded
from heatproof.run.explaining import Block
from heatproof.run.films import Films, annotations_digest
from heatproof.run.progress import Progress
from heatproof.run.threads import side_by_side
from heatproof.run.units import digest
from heatproof.run.workspace import Workspace
from heatproof.types import Annotation, MapKey, Sample, Validity

UNSCORED = (Validity.NOT_FINITE,)

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


@dataclass(frozen=True)
class _Measure:
    """A metric as it measures one finding, and of what kind it is: asked once, not of every map.

    Attributes:
        spec: As the experiment wrote it.
        part: The metric.
        of_dataset: Whether it is one of data sets.
        sees_negatives: Whether it looks at films without the finding.
        counts: Itself, where it needs nothing of a map but counted pixels.
        points: Itself, where it asks a map or a reader for points alone.
    """

    spec: str
    part: Metric
    of_dataset: bool
    sees_negatives: bool
    counts: Counting | None
    points: Pointing | None

    @classmethod
    def of(cls, spec: str, part: Metric) -> "_Measure":
        counts = part if isinstance(part, Counting) else None
        points = part if isinstance(part, Pointing) else None
        of_dataset = isinstance(part, DatasetMetric)
        return cls(spec, part, of_dataset, sees_negatives(part), counts, points)


Values = dict[str, dict[str, Any]]
"""What metrics made of one map: columns of ``SCORES`` by spec."""
Measures = Callable[[str, tuple[float, float] | None], tuple[_Measure, ...]]
"""What is measured of a finding on a film of that spacing."""


def block_task(work: Workspace, block: Block, method: str, geometry: Geometry) -> Task:
    """The maps that one model and method made of one block of films."""
    compared = places_of(work, block.judging.films, block.samples, block.findings)

    def maps() -> Callable[[Sample], OfFilm]:
        wanted = {(image_id, finding) for image_id, at in compared.items() for finding, _ in at}
        made = work.made.read([block.made(method)]).select("image_id", "finding").iter_rows()
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

    measures = work.metrics_of(block.what["group"], method)
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
            score_film = partial(_score, _measures(task.metrics), task, fetched.pop().result(), {})
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


def _measures(metrics: Mapping[str, Metric]) -> Measures:
    """Each finding and spacing is asked for once: a metric may read a table to know."""

    @cache
    def of(finding: str, spacing: tuple[float, float] | None) -> tuple[_Measure, ...]:
        return tuple(
            _Measure.of(spec, specialize(part, finding, spacing)) for spec, part in metrics.items()
        )

    return of


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
            "reference": source,
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
            one for one in measures(finding, spacing) if _is_asked(one, marked=marked, holds=holds)
        ]
        if isinstance(found, Reading):
            values = _read(chosen, found, reference)
        elif holds:
            values = _measured(chosen, found, task.geometry, reference)
        else:
            same = (id(found), reference.mask.shape, finding, spacing, marked)
            if same not in unmarked:
                # The map is kept too: the identity of one that is gone may be given to another.
                values = _measured(chosen, found, task.geometry, reference)
                unmarked[same] = found, values
            values = unmarked[same][1]
        rows += [row | {"metric": spec} | value for spec, value in values.items()]
    return rows


def _is_asked(measure: _Measure, *, marked: bool, holds: bool) -> bool:
    """Whether a metric looks at such a film.

    Marks that hold no pixel leave a metric of maps undefined; to one of data sets the film is one
    without the finding.
    """
    return holds or measure.sees_negatives or (marked and not measure.of_dataset)


def _measured(
    measures: Sequence[_Measure], found: StoredMap, geometry: Geometry, reference: Reference
) -> Values:
    """Value, and what was seen, by metric."""
    if found.validity in UNSCORED:
        unseen = {"value": float("nan"), "seen": [float("nan")]}
        return {one.spec: unseen if one.of_dataset else {"value": float("nan")} for one in measures}
    height, width = reference.mask.shape
    over = shown(geometry, found.values, (height, width))
    cuts = [one.counts.binarize for one in measures if one.counts is not None]
    counts = overlaps(over, reference.mask, cuts)
    measured: Values = {}
    for one in measures:
        told: Any
        part: Any = one.part
        if one.counts is not None:
            told = one.counts.of_counts(counts[one.counts.binarize])
        elif one.points is not None:
            told = one.points.of_points(one.points.pointed(over), reference.mask)
        elif one.of_dataset:
            told = part.of_map(found.values, geometry, reference)
        else:
            told = part(over.pixels, reference.mask)
        measured[one.spec] = _seen(one.part, told) if one.of_dataset else {"value": float(told)}
    return measured


def _read(measures: Sequence[_Measure], found: Reading, reference: Reference) -> Values:
    """The same of a reader, by the metrics that can tell."""
    counts = None if found.mask is None else of_masks(found.mask, reference.mask)
    measured: Values = {}
    for one in measures:
        told: Any
        if one.points is not None:
            told = one.points.of_points(found.points, reference.mask)
        elif one.counts is not None:
            told = one.counts.of_counts(counts)
        else:
            continue
        measured[one.spec] = _seen(one.part, told) if one.of_dataset else {"value": float(told)}
    return measured


def _seen(metric: Any, seen: Float[np.ndarray, " c"]) -> dict[str, Any]:
    """What a metric of data sets saw of a map, and what the map alone did."""
    alone = float("nan") if np.isnan(seen[0]) else float(metric.alone(seen))
    return {"value": alone, "seen": seen.tolist()}


def _reference(sample: Sample, finding: str, source: str) -> Reference:
    drawn = [a for a in sample.annotations if (a.finding, a.source) == (finding, source)]
    return Reference(reference_mask(sample, finding, source), tuple(a.shape for a in drawn))


def _regions(reference: Reference) -> int:
    """How many regions are marked: as many as were drawn, at least one where any pixel is."""
    if not reference.mask.any():
        return 0
    return max(sum(shape.instances for shape in reference.shapes), 1)


def reference_mask(sample: Sample, finding: str, source: str) -> Bool[np.ndarray, "h w"]:
    """Every pixel that one reader marked for one finding, at the size of the film."""
    drawn = [a for a in sample.annotations if (a.finding, a.source) == (finding, source)]
    return union(drawn, sample.pixels.size())


def union(drawn: Iterable[Annotation], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Every pixel inside any of the shapes; not to be written on."""
    masks = (one.mask(*size) for one in drawn)  # one at a time: there may be many
    first = next(masks, None)
    return np.zeros(size, bool) if first is None else reduce(np.logical_or, masks, first)


def references_of(sample: Sample, findings: Sequence[str] | None = None) -> list[tuple[str, str]]:
    """Finding and reader of every annotation, each once, in order."""
    pairs = (
        (a.finding, a.source)
        for a in sample.annotations
        if findings is None or a.finding in findings
    )
    return list(dict.fromkeys(pairs))


def annotations_of(samples: Sequence[Sample]) -> list[tuple[str, str, str, str]]:
    """What a unit of scores depends on besides maps and metrics."""
    return [(s.image_id, s.pixels.version(), s.cluster, annotations_digest(s)) for s in samples]


def measures_of(work: Workspace, measures: Mapping[str, Metric]) -> str:
    """Changes when a metric does, or a table that it reads, or what tuning films chose."""
    tables = sorted(path for metric in work.metrics.values() for path in files_of(metric))
    chosen = [str(one) for spec, one in measures.items() if one is not work.metrics[spec]]
    texts = [table.read_text(encoding="utf-8") for table in tables]
    return digest(list(work.metrics), texts, *chosen)
