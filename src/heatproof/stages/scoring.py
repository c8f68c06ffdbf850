"""Stage: scores of every map against every mask of its finding, those of controls included.

A metric of maps makes its value here.  A metric of data sets keeps what it needs of each map.  Both
look where something is marked.  Metrics that see negatives look also at films labelled without the
finding, once for every reader who marked it on any film.
"""

import dataclasses
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

from heatproof.data.annotations.references import marks_of, reference_mask, references_of
from heatproof.data.decoded import Decoded
from heatproof.data.geometry import Geometry
from heatproof.data.threads import side_by_side
from heatproof.errors import AnnotationError, PixelError
from heatproof.experiment.films import OpenedData
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
"""From finding and reader to the map of one film, or to what the human benchmark marked on it; None
without one."""


@dataclass(frozen=True)
class MapsToScore:
    """The maps of one method over some films, and the masks that they are compared with.

    Attributes:
        name: Name of the unit of scores.
        columns: The first columns of every row.
        method: Spec of the method.
        films: The data set.
        samples: The films.
        places: Finding and reader of every mask that a film is compared with, by ``image_id``.
        maps: Reads the maps and returns a function from a film to its maps; a film without maps
            was set aside when it was explained.
        geometry: Brings a map back to the film.
        metrics: The metrics as they measure this method, by spec.
    """

    name: str
    columns: Mapping[str, str]
    method: str
    films: OpenedData
    samples: tuple[Sample, ...]
    places: Mapping[str, Places]
    maps: Callable[[], Callable[[Sample], OfFilm]]
    geometry: Geometry
    metrics: Mapping[str, Metric]


def score(work: Workspace, to_score: Sequence[MapsToScore], progress: Progress) -> list[str]:
    """Write the units that are missing, and return the names of all.

    Films of a unit are scored side by side; the maps of the next are read as the last are scored.
    """
    with side_by_side() as pool:
        units = [Unit(maps.name, partial(_rows, pool, maps)) for maps in to_score]
        return make(units, work.scores, progress, pool)


def maps_of(work: Workspace, judged: Judged) -> Iterator[MapsToScore]:
    """The maps that one model made of its films, method by method and block by block."""
    findings = judged.blocks[0].findings if judged.blocks else ()
    readers = readers_of(work.metrics.values(), judged.films, findings)
    geometry = geometry_of(judged)
    # Methods share the places, which are found once.
    places = [places_of(readers, block.samples, block.findings) for block in judged.blocks]
    for method in judged.methods:
        for block, compared in zip(judged.blocks, places, strict=True):
            yield _maps_of_block(work, block, method, geometry, compared)


def _maps_of_block(
    work: Workspace, block: Block, method: str, geometry: Geometry, compared: Mapping[str, Places]
) -> MapsToScore:

    def maps() -> Callable[[Sample], OfFilm]:
        # A map that is compared with no mask is not read.
        marked = {(image_id, finding) for image_id, at in compared.items() for finding, _ in at}
        rows = work.made.read([block.made(method)]).frame.select("image_id", "finding").iter_rows()
        places = [place for place in rows if place in marked]
        keys = [MapKey(block.id, method, *place) for place in places]
        stored = dict(zip(places, work.store(block.assignment.data).get_many(keys), strict=True))

        def of_film(sample: Sample) -> OfFilm:
            # Taken out, so that the maps of a film go when it is scored: a block of them is large.
            by_finding = {f: stored.pop((sample.image_id, f), None) for f in block.findings}
            return lambda finding, _: by_finding.get(finding)

        return of_film

    metrics = work.tuned_metrics.of(block.assignment.model, method)
    return MapsToScore(
        name=digest(
            # The name of the unit of maps stands for model, method, films and findings.
            block.made(method),
            annotations_of(block.films, block.samples),
            list(compared.items()),
            measures_of(work.metrics, metrics),
        ),
        columns=block.columns,
        method=method,
        films=block.films,
        samples=block.samples,
        places=compared,
        maps=maps,
        geometry=geometry,
        metrics=metrics,
    )


def readers_of(
    metrics: Iterable[Metric], films: OpenedData, findings: Sequence[str]
) -> dict[str, dict[str, None]]:
    """Those with whose empty mask a film without a finding is compared, by finding.

    They are all who marked the finding on any film of the data set where a metric sees negatives,
    and nobody elsewhere.
    """
    # The order of readers enters the name of the unit; a set would not keep it.
    readers: dict[str, dict[str, None]] = {}
    if any(map(sees_negatives, metrics)):
        for sample in films.samples:
            for finding, reader in references_of(sample, findings):
                readers.setdefault(finding, {})[reader] = None
    return readers


def places_of(
    readers: Mapping[str, Iterable[str]], samples: Sequence[Sample], findings: Sequence[str]
) -> dict[str, Places]:
    """Finding and reader of every mask that a film is compared with, by ``image_id``.

    Args:
        readers: As of ``readers_of``.
        samples: The films.
        findings: The findings.
    """
    places = {}
    for sample in samples:
        absent = [finding for finding in findings if sample.labels.get(finding) is False]
        empty = ((finding, reader) for finding in absent for reader in readers.get(finding, ()))
        places[sample.image_id] = tuple(dict.fromkeys((*references_of(sample, findings), *empty)))
    return places


def annotations_of(films: OpenedData, samples: Sequence[Sample]) -> list[tuple[str, str, str, str]]:
    """The inputs of a unit of scores besides maps and metrics: films and annotations."""
    return [(s.image_id, films.version(s), s.cluster, films.drawn(s)) for s in samples]


def measures_of(asked: Mapping[str, Metric], metrics: Mapping[str, Metric]) -> str:
    """Changes when a metric does, or a table that it reads, or a value that was tuned.

    Args:
        asked: The metrics of the experiment, by spec.
        metrics: The same with the values that were tuned for the method that they measure.
    """
    tables = sorted(path for metric in asked.values() for path in files_of(metric))
    # Only where a value was tuned, so that other units keep the names that they had before tuning.
    tuned = [str(metric) for spec, metric in metrics.items() if metric is not asked[spec]]
    # A table may be edited under the same name, so its text counts.
    texts = [table.read_text(encoding="utf-8") for table in tables]
    return digest(list(asked), texts, *tuned)


def _rows(pool: Executor, maps: MapsToScore) -> Iterator[dict[str, Any]]:
    """The rows of one unit.  The maps are read when this is called, and scored in the pool."""
    # This runs in a thread of the same pool: it may submit work there, but with a single thread it
    # would wait for that work forever.
    films = pool.map(_Scorer(maps).rows, maps.samples)
    return (row for rows in films for row in rows)


class _Scorer:
    """Scores the maps of one unit film by film, from several threads.

    Args:
        maps: The maps, which are read here.
    """

    def __init__(self, maps: MapsToScore) -> None:
        self._maps_to_score, self._maps = maps, maps.maps()
        self._measures = measures(maps.metrics)
        # A control may be one map on film after film, and measures the same wherever nothing is
        # marked on films of one size.  It is known by its id: to hash a map of the size of a film
        # takes longer than most metrics.  An id may return once its map is gone, so a weak
        # reference says whose it is; a strong one would keep every map of the unit in memory.
        self._unmarked: dict[
            tuple[object, ...], tuple[weakref.ReferenceType[StoredMap], Values]
        ] = {}

    def rows(self, sample: Sample) -> list[dict[str, Any]]:
        """The rows of one film."""
        # Decoded once, and not once per map.
        stored_film, sample = sample, dataclasses.replace(sample, pixels=Decoded(sample.pixels))
        rows, of_film = [], self._maps(sample)
        for finding, reader in self._maps_to_score.places[sample.image_id]:
            try:
                stored = of_film(finding, reader)
            except (AnnotationError, PixelError):
                # A control cannot be made of it; it is set aside where a map is scored.
                self._maps_to_score.films.check_marks_unchanged(sample)
                continue
            if stored is None:
                continue
            row: dict[str, Any] = {
                **self._maps_to_score.columns,
                "image_id": sample.image_id,
                "cluster": sample.cluster,
                "finding": finding,
                "reader": reader,
                "method": self._maps_to_score.method,
            }
            try:
                reference, spacing = _reference(sample, finding, reader), sample.pixels.spacing()
            except (AnnotationError, PixelError) as error:
                # One that was removed meanwhile may be there again when the run is.
                self._maps_to_score.films.check_marks_unchanged(sample)
                told = self._maps_to_score.films.told(stored_film, str(error))
                rows.append(row | {"reason": told})
                continue
            validity = Validity.OK if isinstance(stored, Reading) else stored.validity
            row |= {"validity": validity.value, "regions": _regions(reference)}
            values = self._values(stored, reference, finding, spacing)
            rows += [row | {"metric": spec} | value for spec, value in values.items()]
        self._maps_to_score.films.check_files_of_marks(sample)
        return rows

    def _values(
        self,
        stored: StoredMap | Reading,
        reference: Reference,
        finding: str,
        spacing: tuple[float, float] | None,
    ) -> Values:
        """Values of one map, or of one reading, by the metrics that look at such a film."""
        marked, holds = bool(reference.shapes), bool(reference.mask.any())
        looking = [
            measure
            for measure in self._measures(finding, spacing)
            if is_asked(measure, marked=marked, holds=holds)
        ]
        if isinstance(stored, Reading):
            return measure_reading(looking, stored, reference)
        if marked:
            return measure_map(looking, stored, self._maps_to_score.geometry, reference)
        return self._of_unmarked(looking, stored, reference, finding, spacing)

    def _of_unmarked(
        self,
        looking: Sequence[Measure],
        stored: StoredMap,
        reference: Reference,
        finding: str,
        spacing: tuple[float, float] | None,
    ) -> Values:
        """Values where nothing is marked, measured once for a map that many films share.

        Two threads may measure one map at the same time; both make the same values.
        """
        key = (id(stored), reference.mask.shape, finding, spacing)
        measured = self._unmarked.get(key)
        if measured is None or measured[0]() is not stored:
            values = measure_map(looking, stored, self._maps_to_score.geometry, reference)
            self._unmarked[key] = measured = (weakref.ref(stored), values)
        return measured[1]


def _reference(sample: Sample, finding: str, reader: str) -> Reference:
    """The mask and the shapes of one reader for one finding on one film."""
    shapes = tuple(mark.shape for mark in marks_of(sample, finding, reader))
    return Reference(reference_mask(sample, finding, reader), shapes)


def _regions(reference: Reference) -> int:
    """How many regions are marked: as many as were drawn, at least one where any pixel is."""
    if not reference.mask.any():
        return 0
    return max(sum(shape.instances for shape in reference.shapes), 1)
