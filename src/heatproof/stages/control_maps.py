"""Maps without a model, scored as every other: the prior, and the controls beside it.

Each is made film by film when its unit is scored, at the common frame or, where it is drawn from
masks, at the size of the film.  Their rows have no group, so that a method of the same name (a user
may explain with ``edges``) is another thing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial

import numpy as np
from jaxtyping import Bool, Float32

from heatproof.data.annotations import Points
from heatproof.data.geometry import Geometry, Squash, geometries
from heatproof.data.readers import first_of, ranked_readers, shared
from heatproof.data.references import reference_mask, references_of, union
from heatproof.data.threads import side_by_side
from heatproof.errors import AnnotationError, PixelError
from heatproof.experiment.films import Films, blocks, drawn_digest
from heatproof.experiment.workspace import Workspace
from heatproof.localize import controls
from heatproof.localize.made_without import FILM, FRAME, PRIOR, READERS, SIZE, UNKNOWN
from heatproof.localize.reading import Reading
from heatproof.maps.store import StoredMap
from heatproof.stages.blocks import BLOCK, Judged
from heatproof.stages.scoring import OfFilm, Task, annotations_of, measures_of, places_of
from heatproof.tables.units import digest
from heatproof.types import Sample, Validity


@dataclass(frozen=True)
class Control:
    """One control of one data set.

    Attributes:
        spec: Its name in tables.
        maps: As in ``Task``.
        geometry: Of the maps.
        inputs: What they depend on besides the annotated films of a block.
    """

    spec: str
    maps: Callable[[], Callable[[Sample], OfFilm]]
    geometry: Geometry = FRAME
    inputs: tuple[object, ...] = field(default=())


def control_tasks(work: Workspace, films: Films, judged: Sequence[Judged]) -> list[Task]:
    """The prior and every other control of the films that count."""
    every = places_of(work, films, films.samples, films.findings)
    counted = tuple(sample for sample in films.samples if every[sample.image_id])
    tasks = []
    for control in _controls(work, films, judged):
        measures = work.measures.of("", control.spec)
        for block in blocks(counted, BLOCK):
            compared = {sample.image_id: every[sample.image_id] for sample in block}
            tasks.append(
                Task(
                    name=digest(
                        *control.inputs,
                        annotations_of(block),
                        list(compared.items()),
                        measures_of(work, measures),
                    ),
                    what={"data": films.name, "model": "", "member": ""},
                    method=control.spec,
                    samples=block,
                    places=compared,
                    maps=control.maps,
                    geometry=control.geometry,
                    metrics=measures,
                )
            )
    return tasks


def _controls(work: Workspace, films: Films, judged: Sequence[Judged]) -> Iterator[Control]:
    """The prior always, since methods are compared with it; the others as the experiment says."""
    annotated = tuple(sample for sample in films.samples if sample.annotations)
    whole = digest(films.name, annotations_of(annotated), [s.cluster for s in annotated], FRAME)
    marks = [sample.annotations for sample in annotated]
    ranking = ranked_readers(marks)
    several = shared(ranking, marks)
    inputs: tuple[object, ...] = (whole, several) if several else (whole,)
    yield Control(PRIOR, cache(partial(_priors, annotated, ranking)), inputs=inputs)
    seed = work.experiment.statistics.seed
    made: dict[str, Callable[[Sample], OfFilm]] = {
        "centre": _centre,
        "edges": _edges,
        "random": partial(_random, seed),
        "readers": _others,
    }
    chosen = work.experiment.score.controls
    for name in (name for name in made if name in chosen):
        inputs = (name, films.name, FRAME, seed if name == "random" else None)
        yield Control(name, _unprepared(made[name]), FILM if name == "readers" else FRAME, inputs)
    if any(sample.benchmark for sample in films.samples):
        yield Control(READERS, _unprepared(_readings(films)), inputs=(READERS, *_drawn(films)))
    for geometry, grid in _grids(work, films, judged) if "ceiling" in chosen else ():
        spec = ceiling_spec(geometry, grid)
        maps = _unprepared(partial(_ceiling, geometry, grid))
        yield Control(spec, maps, geometry, (spec, films.name))


def ceiling_spec(geometry: Geometry, grid: tuple[int, int]) -> str:
    """Such as ``"ceiling(7x7)"``; with the geometry where that is more than a squash."""
    over = "" if isinstance(geometry, Squash) else f", {geometries.spec(geometry)}"
    return f"ceiling({grid[0]}x{grid[1]}{over})"


def _grids(
    work: Workspace, films: Films, judged: Sequence[Judged]
) -> list[tuple[Geometry, tuple[int, int]]]:
    """Every grid that maps of these films have, the coarsest first."""
    found: dict[tuple[Geometry, tuple[int, int]], None] = {}
    for one in judged:
        if one.judging.films.name != films.name or not one.methods:
            continue
        geometry = one.card.preprocessing.geometry if one.card else FILM
        squashed = FILM if isinstance(geometry, Squash) else geometry
        made = work.made.read(block.made(method) for block in one.blocks for method in one.methods)
        for grid in made.frame.select("height", "width").unique().iter_rows():
            found[squashed, (grid[0], grid[1])] = None
    return sorted(found, key=lambda pair: (pair[1], str(pair[0])))


def _unprepared(of: Callable[[Sample], OfFilm]) -> Callable[[], Callable[[Sample], OfFilm]]:
    """Maps that need no look at all films first."""
    return lambda: of


def _map(values: Float32[np.ndarray, "y x"]) -> StoredMap:
    flat = values.min() == values.max()
    return StoredMap(values, Validity.CONSTANT if flat else Validity.OK)


def _centre(_: Sample) -> OfFilm:
    return lambda *_: _map(controls.centre(SIZE))


def _edges(sample: Sample) -> OfFilm:
    @cache  # one film is read once, whatever the number of findings
    def drawn() -> StoredMap:
        return _map(controls.edges(FRAME.image(sample.pixels.read())))

    return lambda *_: drawn()


def _random(seed: int, sample: Sample) -> OfFilm:
    return lambda finding, _: _map(controls.noise(SIZE, sample.image_id, finding, seed=seed))


def _others(sample: Sample) -> OfFilm:
    def marked(finding: str, source: str) -> StoredMap | None:
        rest = [other for _, other in references_of(sample, (finding,)) if other != source]
        share = controls.others([reference_mask(sample, finding, other) for other in rest])
        return None if share is None else _map(share)

    return marked


def _readings(films: Films) -> Callable[[Sample], OfFilm]:
    """What the human benchmark marked; None for findings that it marked on no film."""
    marks = [mark for sample in films.samples for mark in sample.benchmark]
    looked_for = {mark.finding for mark in marks}
    draws = any(not isinstance(mark.shape, Points) for mark in marks)
    points = any(isinstance(mark.shape, Points) for mark in marks)

    def of_film(sample: Sample) -> OfFilm:
        def reading(finding: str, _: str) -> Reading | None:
            if finding not in looked_for:
                return None
            size = sample.pixels.size()
            marks = [mark for mark in sample.benchmark if mark.finding == finding]
            points_at = [mark.shape for mark in marks if isinstance(mark.shape, Points)]
            named = tuple(point for shape in points_at for point in shape.pixels(*size))
            mask = union((m for m in marks if not isinstance(m.shape, Points)), size)
            return Reading(mask if draws else None, named if points else None)

        return reading

    return of_film


def _drawn(films: Films) -> list[tuple[str, str]]:
    return [(s.image_id, drawn_digest(s.benchmark)) for s in films.samples if s.benchmark]


def _ceiling(geometry: Geometry, grid: tuple[int, int], sample: Sample) -> OfFilm:
    def averaged(finding: str, source: str) -> StoredMap:
        return _map(controls.ceiling(reference_mask(sample, finding, source), geometry, grid))

    return averaged


def _priors(
    annotated: Sequence[Sample], ranking: Mapping[str, Sequence[str]]
) -> Callable[[Sample], OfFilm]:
    """The mean mask of each finding, without the patient of the film that it is judged on."""
    findings = dict.fromkeys(a.finding for sample in annotated for a in sample.annotations)
    with side_by_side() as pool:
        sums = {
            f: controls.MeanMask.of(
                filter(None, pool.map(partial(_mask, ranking, f), annotated)), SIZE
            )
            for f in findings
        }

    def without(cluster: str, finding: str) -> StoredMap:
        mean = sums[finding].without(cluster)
        # Where nobody else has the finding, there is no prior to judge by.
        return UNKNOWN if mean is None else StoredMap(mean, Validity.OK)

    of_all = cache(partial(without, ""))  # of patients without a mask of their own: the same map

    def of_film(sample: Sample) -> OfFilm:
        def prior(finding: str, _: str) -> StoredMap:
            if finding not in sums:
                return UNKNOWN
            own = sample.cluster in sums[finding].own
            return without(sample.cluster, finding) if own else of_all(finding)

        return prior

    return of_film


def _mask(
    ranking: Mapping[str, Sequence[str]], finding: str, sample: Sample
) -> tuple[str, Bool[np.ndarray, "y x"]] | None:
    """One mask per film, of the reader who counts, at the common frame; with whose film it is."""
    reader = first_of(ranking, sample.annotations, finding)
    if reader is None:
        return None
    try:
        mask = reference_mask(sample, finding, reader)
    except (AnnotationError, PixelError):
        return None  # it is set aside, with its reason, where it is scored
    return sample.cluster, FRAME.mask(mask)
