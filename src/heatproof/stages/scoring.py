"""Stage: every map against every annotation of its finding; ``control_maps.py`` adds the controls.

A metric of maps makes its value here; a metric of data sets keeps of the map what it needs.  Both
look where something is marked, and those that see negatives also at films labelled without the
finding, once for every reader who marked it on any film.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

from heatproof.data.decoded import Decoded
from heatproof.data.geometry import Geometry
from heatproof.data.references import reference_mask, references_of
from heatproof.data.threads import side_by_side
from heatproof.errors import AnnotationError, PixelError
from heatproof.experiment.films import OpenedData, annotations_digest
from heatproof.experiment.workspace import Workspace
from heatproof.localize import Metric, Reference, sees_negatives
from heatproof.localize.measure import (
    Measure,
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
from heatproof.stages.blocks import Block, Judged
from heatproof.stages.framing import geometry_of
from heatproof.stages.loop import Unit, make
from heatproof.tables.units import digest
from heatproof.types import MapKey, Sample, Validity

Places = tuple[tuple[str, str], ...]  # finding and reader


OfFilm = Callable[[str, str], StoredMap | Reading | None]
"""The map of one film, or what a reader made of it, by finding and reader; None without one."""


@dataclass(frozen=True)
class MapsToScore:
    """The maps of one method over some films, and what they are compared with.

    Attributes:
        name: Name of the unit of scores.
        columns: The first columns of every row.
        method: Spec of the method.
        samples: The films.
        places: Finding and reader of every mask that a film is compared with, by ``image_id``.
        maps: Fetches the maps, and returns what hands out those of one film at a time; a film
            without maps was set aside when it was explained.
        geometry: Brings a map back to the film.
        metrics: The metrics as they measure this method, by spec.
    """

    name: str
    columns: Mapping[str, str]
    method: str
    samples: tuple[Sample, ...]
    places: Mapping[str, Places]
    maps: Callable[[], Callable[[Sample], OfFilm]]
    geometry: Geometry
    metrics: Mapping[str, Metric]


def score(work: Workspace, tasks: Sequence[MapsToScore], progress: Progress) -> list[str]:
    """Write the units that are missing, and return the names of all.

    Films of a unit are scored side by side; the maps of the next are read as the last are scored.
    """
    with side_by_side() as pool:
        units = [Unit(task.name, partial(_rows, pool, task)) for task in tasks]
        return make(units, work.scores, progress, pool)


def maps_of(work: Workspace, judged: Judged) -> Iterator[MapsToScore]:
    """The maps that one model made of its films, method by method and block by block."""
    for method in judged.methods:
        for block in judged.blocks:
            yield _maps_of_block(work, block, method, geometry_of(judged))


def _maps_of_block(work: Workspace, block: Block, method: str, geometry: Geometry) -> MapsToScore:
    compared = places_of(work, block.assignment.films, block.samples, block.findings)

    def maps() -> Callable[[Sample], OfFilm]:
        wanted = {(image_id, finding) for image_id, at in compared.items() for finding, _ in at}
        made = work.made.read([block.made(method)]).frame.select("image_id", "finding").iter_rows()
        places = [place for place in made if place in wanted]
        keys = [MapKey(block.id, method, *place) for place in places]
        stored = dict(zip(places, work.store(block.assignment.data).get_many(keys), strict=True))

        def of_film(sample: Sample) -> OfFilm:
            # Taken out, so that the maps of a film go when it is scored: a block of them is large.
            by_finding = {f: stored.pop((sample.image_id, f), None) for f in block.findings}
            return lambda finding, _: by_finding.get(finding)

        return of_film

    metrics = work.measures.of(block.assignment.model, method)
    return MapsToScore(
        name=digest(
            block.made(method),
            annotations_of(block.samples),
            list(compared.items()),
            measures_of(work, metrics),
        ),
        columns=block.columns,
        method=method,
        samples=block.samples,
        places=compared,
        maps=maps,
        geometry=geometry,
        metrics=metrics,
    )


def places_of(
    work: Workspace, films: OpenedData, samples: Sequence[Sample], findings: Sequence[str]
) -> dict[str, Places]:
    """Finding and reader of every mask that a film is compared with, by ``image_id``.

    Where a metric sees negatives, a film labelled without a finding is compared with the empty mask
    of everybody who marked that finding on any film of the data set.
    """
    readers: dict[str, dict[str, None]] = {}
    if any(map(sees_negatives, work.metrics.values())):
        for finding, reader in (p for s in films.samples for p in references_of(s, findings)):
            readers.setdefault(finding, {})[reader] = None
    places = {}
    for sample in samples:
        absent = [finding for finding in findings if sample.labels.get(finding) is False]
        empty = ((finding, reader) for finding in absent for reader in readers.get(finding, ()))
        places[sample.image_id] = tuple(dict.fromkeys((*references_of(sample, findings), *empty)))
    return places


def annotations_of(samples: Sequence[Sample]) -> list[tuple[str, str, str, str]]:
    """What a unit of scores depends on besides maps and metrics."""
    return [(s.image_id, s.pixels.version(), s.cluster, annotations_digest(s)) for s in samples]


def measures_of(work: Workspace, metrics: Mapping[str, Metric]) -> str:
    """Changes when a metric does, or a table that it reads, or a value that was tuned."""
    tables = sorted(path for metric in work.metrics.values() for path in files_of(metric))
    tuned = [str(metric) for spec, metric in metrics.items() if metric is not work.metrics[spec]]
    texts = [table.read_text(encoding="utf-8") for table in tables]
    return digest(list(work.metrics), texts, *tuned)


def _rows(pool: Executor, task: MapsToScore) -> Iterator[dict[str, Any]]:
    """The rows of one unit.  The maps are read when this is called, and scored in the pool."""
    films = pool.map(_Scorer(task).rows, task.samples)
    return (row for rows in films for row in rows)


class _Scorer:
    """Scores the maps of one unit film by film, from several threads.

    Args:
        task: The maps, which are fetched here.
    """

    def __init__(self, task: MapsToScore) -> None:
        self._task, self._maps = task, task.maps()
        self._measures = measures(task.metrics)
        # A control is one map on film after film, and measures the same wherever nothing is marked
        # on films of one size.
        self._unmarked: dict[tuple[object, ...], Values] = {}

    def rows(self, sample: Sample) -> list[dict[str, Any]]:
        """The rows of one film."""
        sample = dataclasses.replace(
            sample, pixels=Decoded(sample.pixels)
        )  # read once, not per map
        rows, of_film = [], self._maps(sample)
        for finding, reader in self._task.places[sample.image_id]:
            try:
                stored = of_film(finding, reader)
            except (AnnotationError, PixelError):
                # A control cannot be made of it; it is set aside where a map is scored.
                continue
            if stored is None:
                continue
            row: dict[str, Any] = {
                **self._task.columns,
                "image_id": sample.image_id,
                "cluster": sample.cluster,
                "finding": finding,
                "reader": reader,
                "method": self._task.method,
            }
            try:
                reference, spacing = _reference(sample, finding, reader), sample.pixels.spacing()
            except (AnnotationError, PixelError) as error:
                rows.append(row | {"reason": str(error)})
                continue
            validity = Validity.OK if isinstance(stored, Reading) else stored.validity
            row |= {"validity": validity.value, "regions": _regions(reference)}
            values = self._values(stored, reference, finding, spacing)
            rows += [row | {"metric": spec} | value for spec, value in values.items()]
        return rows

    def _values(
        self,
        stored: StoredMap | Reading,
        reference: Reference,
        finding: str,
        spacing: tuple[float, float] | None,
    ) -> Values:
        """What the metrics that look at such a film make of one map, or of one reading."""
        marked, holds = bool(reference.shapes), bool(reference.mask.any())
        asked = [
            measure
            for measure in self._measures(finding, spacing)
            if is_asked(measure, marked=marked, holds=holds)
        ]
        if isinstance(stored, Reading):
            return measure_reading(asked, stored, reference)
        if marked:
            return measure_map(asked, stored, self._task.geometry, reference)
        return self._of_unmarked(asked, stored, reference, finding, spacing)

    def _of_unmarked(
        self,
        asked: Sequence[Measure],
        stored: StoredMap,
        reference: Reference,
        finding: str,
        spacing: tuple[float, float] | None,
    ) -> Values:
        """The same where nothing is marked, measured once for equal maps.

        Two threads may measure one map at the same time; both make the same values.
        """
        content = hashlib.blake2b(stored.values.tobytes(), digest_size=16).digest()
        key = (
            content,
            stored.values.shape,
            stored.validity,
            reference.mask.shape,
            finding,
            spacing,
        )
        if key not in self._unmarked:
            self._unmarked[key] = measure_map(asked, stored, self._task.geometry, reference)
        return self._unmarked[key]


def _reference(sample: Sample, finding: str, reader: str) -> Reference:
    """What one reader marked for one finding on one film."""
    marks = [a for a in sample.annotations if (a.finding, a.source) == (finding, reader)]
    return Reference(reference_mask(sample, finding, reader), tuple(mark.shape for mark in marks))


def _regions(reference: Reference) -> int:
    """How many regions are marked: as many as were drawn, at least one where any pixel is."""
    if not reference.mask.any():
        return 0
    return max(sum(shape.instances for shape in reference.shapes), 1)
