"""``Written``: all tables of an experiment, read back, and the films and maps set aside."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from heatproof.escaping import without_folders
from heatproof.experiment.workspace import Workspace
from heatproof.stages.blocks import Judged
from heatproof.stages.contents import contents
from heatproof.stages.headers import headers
from heatproof.stages.shapes import shapes
from heatproof.stages.structures import structure_units
from heatproof.tables.fidelity import FidelityOfMaps
from heatproof.tables.films import Films
from heatproof.tables.headers import Headers
from heatproof.tables.maps_made import MapsMade
from heatproof.tables.pairs import Pairs
from heatproof.tables.predictions import Predictions
from heatproof.tables.scores import Scores
from heatproof.tables.shapes import Shapes
from heatproof.tables.structures import OnStructures


@dataclass(frozen=True)
class SetAside:
    """A film, map or annotation that could not be used, and why.

    Attributes:
        dataset: Name of the data set.
        image_id: Identifier of the film, or the name of a file of maps.
        reason: Why it could not be used.
        whole: Whether the film is in no number of the report; False where only a map or an
            annotation of it could not be used.
    """

    dataset: str
    image_id: str
    reason: str
    whole: bool = True


@dataclass(frozen=True)
class Written:
    """What the stages of one experiment wrote.

    Attributes:
        films: The films of every data set.
        headers: How they are stored.
        predictions: Probabilities of the films that could be read.
        made: One row per map in the store.
        scores: Scores against the annotations that could be read.
        shapes: Shapes of everything that was marked and scored.
        structures: Shares of the maps that lie on things that are no findings.
        pairs: Similarities of the maps that criteria of trust compared.
        fidelity: How true maps are to the model.
        digests: A digest of what each data set holds, by its name.
        aside: Films, maps and annotations that were set aside.
    """

    films: Films
    headers: Headers
    predictions: Predictions
    made: MapsMade
    scores: Scores
    shapes: Shapes
    structures: OnStructures
    pairs: Pairs
    fidelity: FidelityOfMaps
    digests: Mapping[str, str]
    aside: tuple[SetAside, ...]


def read_back(
    work: Workspace,
    judged: Sequence[Judged],
    scored: Sequence[str],
    compared: Sequence[str],
    measured: Sequence[str] = (),
) -> Written:
    """The tables of an experiment.

    Shapes, structures and digests follow from films and maps alone: what is missing of them is made
    here.

    Args:
        work: The experiment, opened.
        judged: Models and data sets.
        scored: Names of the units of scores.
        compared: Names of the units of pairs.
        measured: Names of the units of fidelity.
    """
    blocks = [(record, block) for record in judged for block in record.blocks]
    predictions = work.predictions.read(block.predicted for _, block in blocks)
    scores = work.scores.read(scored)
    usable = scores.used()
    maps = (block.made(method) for record, block in blocks for method in record.methods)
    films = Films.of({name: data.samples for name, data in work.data.items()})
    missing = [
        (name, image_id, reason)
        for name, data in work.data.items()
        for image_id, reason in data.missing.items()
    ]
    marks = [
        (name, place, reason) for name, data in work.data.items() for place, reason in data.marks
    ]
    return Written(
        films,
        headers(work.headers, work.data),
        predictions.used(),
        work.made.read(maps),
        usable,
        shapes(work, usable),
        work.structures.read(structure_units(work, judged)),
        work.trust.read(compared),
        work.fidelity.read(measured),
        {name: contents(work.contents, data) for name, data in work.data.items()},
        tuple(_shareable(work, _set_aside(films, predictions, scores, missing, marks))),
    )


def _shareable(work: Workspace, aside: Sequence[SetAside]) -> Iterator[SetAside]:
    """The same without folders of this machine, in which errors say where a file lies."""
    places = (getattr(s.pixels, "path", None) for data in work.data.values() for s in data.samples)
    folders = {str(place.parent) for place in places if place}
    folders |= {str(work.experiment.folder), str(work.experiment.folder.resolve())}
    for entry in aside:
        # The name of a film is compared with those of others; a place in a file is only read.
        place = entry.image_id if entry.whole else without_folders(entry.image_id, folders)
        yield replace(entry, image_id=place, reason=without_folders(entry.reason, folders))


def _set_aside(
    films: Films,
    predictions: Predictions,
    scores: Scores,
    missing: Sequence[tuple[str, str, str]],
    marks: Sequence[tuple[str, str, str]],
) -> tuple[SetAside, ...]:
    """Films without a file, marks that cannot be used and rows with a reason, each once."""
    columns = ["data", "image_id", "reason"]
    damaged = pl.concat([table.frame.select(columns) for table in (predictions, scores)])
    damaged = damaged.drop_nulls("reason").unique(maintain_order=True)
    reasons = dict.fromkeys((*missing, *damaged.iter_rows(), *marks))
    predicted = set(predictions.used().frame.select("data", "image_id").iter_rows())
    every = {(name, image_id) for name, image_id, _ in missing}
    every |= set(films.frame.select("data", "image_id").iter_rows())
    gone = every - predicted  # a film without any prediction is in no number
    return tuple(
        SetAside(name, image_id, reason, (name, image_id) in gone)
        for name, image_id, reason in reasons
    )
