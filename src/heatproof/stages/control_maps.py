"""Stage: the maps of the controls, which are scored as those of every method are.

A control is made film by film when its unit is scored.  Its rows name no model, so that they are
kept apart from those of a method of the same name.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial

from heatproof.data.geometry import FILM, Geometry, fills_canvas
from heatproof.experiment.films import OpenedData, drawn_digest
from heatproof.experiment.workspace import Workspace
from heatproof.localize.controls import (
    FRAME_TEXT,
    PRIOR,
    Context,
    Control,
    asks_finding,
    control_geometry,
    controls,
    has_grid,
    inputs_of,
    name_of,
    prepared,
    unasked,
)
from heatproof.stages import framing
from heatproof.stages.blocks import BLOCK, Judged, blocks
from heatproof.stages.scoring import (
    MapsToScore,
    OfFilm,
    annotations_of,
    measures_of,
    places_of,
    readers_of,
)
from heatproof.tables.scores import NO_MODEL
from heatproof.tables.units import digest
from heatproof.types import Sample


def control_maps(work: Workspace, films: OpenedData, judged: Sequence[Judged]) -> list[MapsToScore]:
    """The maps of every control over the films that are compared with any mask, block by block."""
    readers = readers_of(work.metrics.values(), films, films.findings)
    places = places_of(readers, films.samples, films.findings)
    compared = tuple(sample for sample in films.samples if places[sample.image_id])
    context = _context(films, work.experiment.statistics.seed)
    to_score = []
    for control in _chosen(work, films, judged, context):
        # Cached, since a look at the whole data set serves all blocks.
        name, maps = name_of(control), cache(partial(_maps, control, context))
        # A control is measured with values that are tuned for it, as a method is with its own.
        metrics = work.tuned_metrics.of(NO_MODEL, name)
        for block in blocks(compared, BLOCK):
            of_block = {sample.image_id: places[sample.image_id] for sample in block}
            to_score.append(
                MapsToScore(
                    name=digest(
                        *inputs_of(control, context),
                        annotations_of(films, block),
                        list(of_block.items()),
                        measures_of(work.metrics, metrics),
                    ),
                    columns={"data": films.name, "model": NO_MODEL, "member": NO_MODEL},
                    method=name,
                    films=films,
                    samples=block,
                    places=of_block,
                    maps=maps,
                    geometry=control_geometry(control),
                    metrics=metrics,
                )
            )
    return to_score


def _context(films: OpenedData, seed: int) -> Context:
    """What controls may know of the whole data set."""
    annotated = tuple(sample for sample in films.samples if sample.annotations)
    clusters = [sample.cluster for sample in annotated]
    return Context(
        name=films.name,
        samples=films.samples,
        seed=seed,
        marks=digest(films.name, annotations_of(films, annotated), clusters, FRAME_TEXT),
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
    # A dictionary drops duplicates, such as a prior that is asked for, and keeps the order.
    specs = dict.fromkeys((PRIOR, *work.experiment.score.controls, *unasked(context)))
    chosen = list(controls.parts(specs).values())
    yield from (control for control in chosen if not has_grid(control))
    for control in filter(has_grid, chosen):
        for geometry, grid in _grids(work, films, judged):
            # ``has_grid`` says that it is there.
            yield control.of_grid(geometry, grid)  # type: ignore[attr-defined]


def _grids(
    work: Workspace, films: OpenedData, judged: Sequence[Judged]
) -> list[tuple[Geometry, tuple[int, int]]]:
    """Every grid that maps of these films have, the coarsest first."""
    grids: dict[tuple[Geometry, tuple[int, int]], None] = {}
    for outcome in judged:
        # An outcome without methods has no maps that count, and needs no control on its grid.
        if outcome.data != films.name or not outcome.methods:
            continue
        geometry = framing.geometry_of(outcome)
        # Whatever size a film is squashed to, a grid over it covers the whole film.
        covered = FILM if fills_canvas(geometry) else geometry
        names = (block.made(method) for block in outcome.blocks for method in outcome.methods)
        sizes = work.made.read(names).frame.select("height", "width")
        for height, width in sizes.unique().iter_rows():
            grids[covered, (height, width)] = None
    # The text of the geometry breaks ties, so that the order of the models decides nothing.
    return sorted(grids, key=lambda pair: (pair[1], str(pair[0])))


def _maps(control: Control, context: Context) -> Callable[[Sample], OfFilm]:
    """The maps of a film by finding and reader; one for all where the control asks neither."""
    make = prepared(control, context)

    def of_film(sample: Sample) -> OfFilm:
        if asks_finding(control):
            return partial(make, sample)
        # One map serves every finding and reader of the film, so it is made once.
        map_of_film = cache(partial(make, sample, "", ""))
        return lambda *_: map_of_film()

    return of_film
