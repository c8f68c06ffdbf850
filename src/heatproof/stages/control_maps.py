"""Controls, scored as every method is.

Each is made film by film when its unit is scored.  Its rows have no group, so that a method of the
same name is another thing.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial

from heatproof.data.geometry import FILM, Geometry, Squash
from heatproof.experiment.films import OpenedData, blocks, drawn_digest
from heatproof.experiment.workspace import Workspace
from heatproof.localize.controls import (
    FRAME,
    PRIOR,
    Context,
    Control,
    asks_finding,
    controls,
    geometry_of,
    has_grid,
    inputs_of,
    name_of,
    prepared,
    unasked,
)
from heatproof.stages.blocks import BLOCK, Judged
from heatproof.stages.scoring import MapsToScore, OfFilm, annotations_of, measures_of, places_of
from heatproof.tables.scores import NO_MODEL
from heatproof.tables.units import digest
from heatproof.types import Sample


def control_tasks(
    work: Workspace, films: OpenedData, judged: Sequence[Judged]
) -> list[MapsToScore]:
    """Every control of the films that count."""
    every = places_of(work, films, films.samples, films.findings)
    counted = tuple(sample for sample in films.samples if every[sample.image_id])
    context = _context(work, films)
    tasks = []
    for control in _chosen(work, films, judged, context):
        name, maps = name_of(control), cache(partial(_maps, control, context))
        measures = work.measures.of("", name)
        for block in blocks(counted, BLOCK):
            compared = {sample.image_id: every[sample.image_id] for sample in block}
            tasks.append(
                MapsToScore(
                    name=digest(
                        *inputs_of(control, context),
                        annotations_of(block),
                        list(compared.items()),
                        measures_of(work, measures),
                    ),
                    columns={"data": films.name, "model": NO_MODEL, "member": NO_MODEL},
                    method=name,
                    samples=block,
                    places=compared,
                    maps=maps,
                    geometry=geometry_of(control),
                    metrics=measures,
                )
            )
    return tasks


def _context(work: Workspace, films: OpenedData) -> Context:
    annotated = tuple(sample for sample in films.samples if sample.annotations)
    clusters = [sample.cluster for sample in annotated]
    return Context(
        name=films.name,
        samples=films.samples,
        seed=work.experiment.statistics.seed,
        marks=digest(films.name, annotations_of(annotated), clusters, FRAME),
        readings=tuple(
            (sample.image_id, drawn_digest(sample.benchmark))
            for sample in films.samples
            if sample.benchmark
        ),
    )


def _chosen(
    work: Workspace, films: OpenedData, judged: Sequence[Judged], context: Context
) -> Iterator[Control]:
    """The prior first, since methods are compared with it; those with a grid last."""
    specs = dict.fromkeys((PRIOR, *work.experiment.score.controls, *unasked(context)))
    chosen = list(controls.parts(specs).values())
    yield from (control for control in chosen if not has_grid(control))
    for control in filter(has_grid, chosen):
        for geometry, grid in _grids(work, films, judged):
            yield control.of_grid(geometry, grid)  # type: ignore[attr-defined]


def _grids(
    work: Workspace, films: OpenedData, judged: Sequence[Judged]
) -> list[tuple[Geometry, tuple[int, int]]]:
    """Every grid that maps of these films have, the coarsest first."""
    found: dict[tuple[Geometry, tuple[int, int]], None] = {}
    for one in judged:
        if one.data != films.name or not one.methods:
            continue
        geometry = one.card.preprocessing.geometry if one.card else FILM
        squashed = FILM if isinstance(geometry, Squash) else geometry
        made = work.made.read(block.made(method) for block in one.blocks for method in one.methods)
        for grid in made.frame.select("height", "width").unique().iter_rows():
            found[squashed, (grid[0], grid[1])] = None
    return sorted(found, key=lambda pair: (pair[1], str(pair[0])))


def _maps(control: Control, context: Context) -> Callable[[Sample], OfFilm]:
    """The maps of a film by finding and reader; one for all where the control asks neither."""
    make = prepared(control, context)

    def of_film(sample: Sample) -> OfFilm:
        if asks_finding(control):
            return partial(make, sample)
        same = cache(partial(make, sample, "", ""))
        return lambda *_: same()

    return of_film
