"""Stage: maps of models, copies and films that differ in one thing, compared as criteria ask.

Maps of trained models come from the store.  Those of copies and of changed films are compared as
soon as they are made, and not kept.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

from heatproof.errors import ExperimentError
from heatproof.experiment.workspace import Workspace
from heatproof.localize.controls import READERS
from heatproof.preparation.opening import Opener
from heatproof.progress import Progress
from heatproof.registry import files_of, part_name
from heatproof.saliency import Method
from heatproof.saliency.memory import parse_memory
from heatproof.stages.blocks import Judged, blocks
from heatproof.stages.framing import StoredMaps
from heatproof.stages.loop import Unit, make
from heatproof.stages.pairs import Case, MapComparison, comparison_columns
from heatproof.stages.reader_agreement import agreement
from heatproof.stages.subject import Opened, Subject, origin_of
from heatproof.tables.units import digest
from heatproof.trust.criteria import BetweenModels, OfCopies, OfFilms
from heatproof.trust.evidence import CRITERIA
from heatproof.trust.pairs import DIFFERENT, RANDOM, SAME, Origin, different_films, random_pairs
from heatproof.trust.similarity import Similarity
from heatproof.types import ModelId

FILMS = 8  # films in a unit whose maps are made for it, by every step, draw and method
PAIRS = 32  # pairs of films in a unit whose maps are in the store

_Rows = Iterator[dict[str, Any]]


@dataclass(frozen=True)
class Question:
    """One criterion, asked of one model or of two.

    Attributes:
        criterion: Spec of the criterion.
        first: A model and data set.
        second: Another model on the same data set, or the same model.
        methods: Names of the methods that make the maps.
        similarities: Similarities by spec.
        made_by: The methods behind these names, where they are not those of the experiment.
    """

    criterion: str
    first: Subject
    second: Subject
    methods: Sequence[str]
    similarities: Mapping[str, Similarity]
    made_by: Mapping[str, Method] | None = None

    def comparison(self, population: str, step: str = "", draw: int = -1) -> MapComparison:
        """How the maps of some units of this question are compared."""
        models = (self.first.name, self.second.name)
        columns = comparison_columns(
            self.criterion, self.first.data, models, population, step, draw
        )
        return MapComparison(columns, self.similarities, self.first.options.normalize)

    def name(self, cases: Sequence[Case], *more: object) -> str:
        """Name of a unit, which changes with everything that its rows are made of."""
        # Rows hold the clusters of films, so a film that moves to another patient needs new rows.
        films = [
            (case.finding, film.image_id, self.first.films.version(film), film.cluster)
            for case in cases
            for film in case.films
        ]
        models = [subject.identity for subject in (self.first, self.second)]
        # A table may be edited under the same name, so its text counts below.
        tables = sorted(path for part in self.similarities.values() for path in files_of(part))
        options = self.first.options
        return digest(
            *("trust", self.criterion, models, list(self.methods), films, list(self.similarities)),
            [table.read_text(encoding="utf-8") for table in tables],
            *(options.normalize, options.side, more),
        )

    def stored(self, cases: Sequence[Case], population: str, step: str = "") -> Iterator[Unit]:
        """Units of trained models on films as they are."""
        for block in blocks(cases, PAIRS):
            rows = partial(self._stored, block, self.comparison(population, step))
            yield Unit(self.name(block, population, step), rows)

    def _stored(self, cases: Sequence[Case], comparison: MapComparison) -> _Rows:
        first, second = (
            subject.trained(self.methods, cases, self.made_by)
            for subject in (self.first, self.second)
        )
        yield from comparison.rows(cases, self.methods, first, second)


def compare_maps(
    work: Workspace,
    judged: Sequence[Judged],
    openers: Mapping[str, Opener],
    progress: Progress,
) -> list[str]:
    """Write the units that are missing; returns the names of all.

    Args:
        work: The experiment.
        judged: Every model and data set.
        openers: What opens each model, by its name.
        progress: Hears of every unit.

    Raises:
        ExperimentError: A criterion between models finds no two that it could compare.
    """
    if work.experiment.trust is None:
        return []
    units = list(_units(work, _subjects(work, judged, openers)))
    progress.start("trust", len(units))
    names = make(units, work.trust, progress)
    progress.finish()
    return names


def _subjects(
    work: Workspace, judged: Sequence[Judged], openers: Mapping[str, Opener]
) -> list[Subject]:
    """Every model and data set with maps."""
    experiment, opened = work.experiment, Opened(openers)
    assert experiment.trust is not None
    memory = parse_memory(experiment.explain.memory)
    entries = {entry.name: entry for entry in experiment.models}
    return [
        Subject(
            outcome,
            origin_of(entries.get(outcome.member), outcome.member, outcome.id),
            experiment.trust,
            opened,
            StoredMaps(work, outcome, experiment.trust.side),
            work.prepared,
            memory,
        )
        for outcome in judged
        if outcome.methods
    ]


def _units(work: Workspace, subjects: Sequence[Subject]) -> Iterator[Unit]:
    """The units of all criteria: first those between models, then model by model the others."""
    for spec, criterion in work.criteria.items():
        if isinstance(criterion, BetweenModels):
            yield from _between(work, spec, criterion, subjects)
            if READERS in work.experiment.score.controls and part_name(spec) in CRITERIA:
                yield from _readers(work, spec, subjects)
    for subject in subjects:  # one model in memory at a time
        # A model of permuted labels is there to compare others with, and is not tested itself.
        if not subject.explains or subject.origin.permuted:
            continue
        for spec, criterion in work.criteria.items():
            # What is asked by default is asked where it can be; what a file asks for is an error
            # elsewhere, and ``check_experiment`` raised it.
            if isinstance(criterion, OfCopies) and (
                criterion.order == "prompts" or not subject.undrawn
            ):
                yield from _copies(work, spec, criterion, subject)
            elif isinstance(criterion, OfFilms):
                yield from _films(work, spec, criterion, subject)


def check_pairs(work: Workspace, ids: Mapping[str, ModelId]) -> None:
    """Raises ExperimentError for a criterion that will find no two models to compare.

    Args:
        work: The experiment.
        ids: What models and imported maps are, or will be; checkpoints do not matter.
    """
    experiment = work.experiment
    entries = {entry.name: entry for entry in experiment.models}
    judged = [assignment.member for assignment in work.assignments if assignment.role == "judged"]
    # Maps of tuning films are compared with no others.
    judged += [maps.name for maps in experiment.maps if maps.data != experiment.score.tune]
    models = [origin_of(entries.get(name), name, ids[name]) for name in dict.fromkeys(judged)]
    for spec, criterion in work.criteria.items():
        if isinstance(criterion, BetweenModels):
            _pairs(spec, criterion, models)


def _pairs(
    spec: str, criterion: BetweenModels, models: Sequence[Origin]
) -> list[tuple[Origin, Origin, str]]:
    """Two models and the step between them, for all that a criterion compares."""
    pairs = criterion.pairs(models)
    if not pairs:
        names = ", ".join(model.name for model in models)
        raise ExperimentError(
            f"[trust] criteria: {spec} needs {criterion.needs}; there are: {names}"
        )
    return pairs


def _between(
    work: Workspace, spec: str, criterion: BetweenModels, subjects: Sequence[Subject]
) -> Iterator[Unit]:
    """The units of one criterion between models: every pair of models on every shared data set."""
    origins = {subject.name: subject.origin for subject in subjects}
    by_name: dict[str, list[Subject]] = {}
    for subject in subjects:
        by_name.setdefault(subject.name, []).append(subject)
    for origin, other, step in _pairs(spec, criterion, list(origins.values())):
        for first, second in product(by_name[origin.name], by_name[other.name]):
            if first.data == second.data:
                methods = [method for method in first.methods if method in second.methods]
                question = Question(spec, first, second, methods, work.similarities)
                shared = _shared(first, second)
                yield from question.stored(shared, SAME, step)
                # Maps of different films by the two models: the similarity that any two maps have.
                yield from question.stored(first.pairs(different_films, shared), DIFFERENT, step)


def _readers(work: Workspace, spec: str, subjects: Sequence[Subject]) -> Iterator[Unit]:
    """The agreement of the readers of the same films, with which that of models is compared."""
    for data in dict.fromkeys(subject.data for subject in subjects):
        of_data = [subject for subject in subjects if subject.data == data]
        every = [case for subject in of_data for case in subject.cases]
        cases = {(case.first.image_id, case.finding): case for case in every}
        yield from agreement(spec, work.similarities, of_data[0], list(cases.values()))


def _copies(work: Workspace, spec: str, criterion: OfCopies, subject: Subject) -> Iterator[Unit]:
    """The units of one criterion that compares a model with randomized copies of it."""
    made_by = criterion.explained_by(work.methods)
    # With None, maps of the trained model are read from the store; others have to be made.
    question = Question(
        *(spec, subject, subject, subject.methods),
        criterion.measured_by(work.similarities),
        None if made_by == work.methods else made_by,
    )

    def rows(cases: Sequence[Case]) -> _Rows:
        trained = subject.trained(question.methods, cases, question.made_by)
        for copied, maps in subject.copies(criterion, made_by, cases):
            comparison = question.comparison(SAME, copied.step.name, copied.draw)
            yield from comparison.rows(cases, question.methods, trained, maps)

    for block in _of_films(subject.cases):
        yield Unit(question.name(block, SAME), partial(rows, block))
    if criterion.random_pairs:
        # The similarity of maps of different films is what counts as degraded.
        pairing = partial(random_pairs, most=criterion.random_pairs)
        yield from question.stored(subject.pairs(pairing, subject.cases), RANDOM)


def _films(work: Workspace, spec: str, criterion: OfFilms, subject: Subject) -> Iterator[Unit]:
    """The units of one criterion that compares films before and after a change."""
    question = Question(spec, subject, subject, subject.methods, work.similarities)

    def rows(cases: Sequence[Case], level: str) -> _Rows:
        before = subject.trained(question.methods, cases)
        change = partial(criterion.changed, level=level)
        after = subject.changed(work.methods, cases, change)
        align = partial(criterion.aligned, level=level)
        comparison = replace(question.comparison(SAME, level), align=align)
        yield from comparison.rows(cases, question.methods, before, after)

    for level in criterion.levels:
        for block in _of_films(subject.cases):
            yield Unit(question.name(block, SAME, level), partial(rows, block, level))
    # These say how similar maps of any two films are, as in ``_between``.
    yield from question.stored(subject.pairs(different_films, subject.cases), DIFFERENT)


def _shared(first: Subject, second: Subject) -> list[Case]:
    """The cases that both models have."""
    of_second = {(case.first.image_id, case.finding) for case in second.cases}
    return [case for case in first.cases if (case.first.image_id, case.finding) in of_second]


def _of_films(cases: Sequence[Case]) -> Iterator[list[Case]]:
    """Blocks of films, each with all its cases: a pass explains all findings of a film."""
    by_film: dict[str, list[Case]] = {}
    for case in cases:
        by_film.setdefault(case.first.image_id, []).append(case)
    for block in blocks(list(by_film.values()), FILMS):
        yield [case for cases_of_film in block for case in cases_of_film]
