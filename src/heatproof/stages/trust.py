"""Stage: maps of models, copies and films that differ in one thing, compared as criteria ask.

Maps of trained models come from the store.  Those of copies and of changed films are compared as
soon as they are made, and not kept.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from heatproof.errors import ExperimentError
from heatproof.experiment.workspace import Workspace
from heatproof.preparation.opening import Opener
from heatproof.progress import Progress
from heatproof.registry import files_of
from heatproof.saliency import Method
from heatproof.stages.blocks import Judged
from heatproof.stages.pairs import Case, Comparison
from heatproof.stages.readers import READERS, agreement
from heatproof.stages.subject import Opened, Subject, origin_of
from heatproof.tables.units import digest
from heatproof.trust.criteria import BetweenModels, OfCopies, OfFilms, named
from heatproof.trust.evidence import CRITERIA
from heatproof.trust.pairs import DIFFERENT, RANDOM, SAME, Origin, different_films, random_pairs
from heatproof.trust.similarity import Similarity
from heatproof.types import ModelId

FILMS = 8  # in a unit whose maps are made for it: times steps, draws and methods
PAIRS = 32  # in a unit of stored maps

Item = TypeVar("Item")
Rows = Iterator[dict[str, Any]]


@dataclass(frozen=True)
class Unit:
    """Some rows of the table, under the hash of what makes them."""

    name: str
    rows: Callable[[], Rows]


@dataclass(frozen=True)
class Asked:
    """One criterion, asked of one model or of two.

    Attributes:
        work: The experiment.
        spec: Of the criterion.
        one: A model and data set.
        other: Another on the same data, or itself.
        methods: Names of what makes the maps.
        measures: What compares them.
        made_by: What stands behind these names where it is not what the experiment calls so.
    """

    work: Workspace
    spec: str
    one: Subject
    other: Subject
    methods: Sequence[str]
    measures: Mapping[str, Similarity]
    made_by: Mapping[str, Method] | None = None

    def comparison(self, population: str, step: str = "", draw: int = -1) -> Comparison:
        """Of some of its rows."""
        what = {
            "criterion": self.spec,
            "data": self.one.data,
            "model_a": self.one.name,
            "model_b": self.other.name,
            "step": step,
            "draw": draw,
            "population": population,
        }
        return Comparison(what, self.measures, self.one.options.normalize)

    def name(self, cases: Sequence[Case], *more: object) -> str:
        """Of a unit: changes with whatever its rows are made of."""
        films = [
            (case.finding, film.image_id, film.pixels.version(), film.cluster)
            for case in cases
            for film in (case.one, case.other)
        ]
        who = [subject.identity for subject in (self.one, self.other)]
        tables = sorted(path for part in self.measures.values() for path in files_of(part))
        return digest(
            *("trust", self.spec, who, list(self.methods), films, list(self.measures)),
            [table.read_text(encoding="utf-8") for table in tables],
            *(self.one.options.normalize, self.one.options.side, more),
        )

    def stored(self, cases: Sequence[Case], population: str, step: str = "") -> Iterator[Unit]:
        """Trained models on films as they are."""
        for some in _blocks(cases, PAIRS):
            rows = partial(self._stored, some, self.comparison(population, step))
            yield Unit(self.name(some, population, step), rows)

    def _stored(self, cases: Sequence[Case], comparison: Comparison) -> Rows:
        first, second = (
            subject.trained(self.methods, cases, self.made_by) for subject in (self.one, self.other)
        )
        yield from comparison.rows(cases, self.methods, first, second)


def trust(
    work: Workspace,
    judged: Sequence[Judged],
    openers: Mapping[str, Opener],
    progress: Progress,
) -> list[str]:
    """Write the units that are missing; returns the names of all.

    Args:
        work: The experiment.
        judged: Every model and data set.
        openers: Of the models, by name.
        progress: Hears of every unit.

    Raises:
        ExperimentError: A criterion between models finds no two that it could compare.
    """
    if work.experiment.trust is None:
        return []
    opened = Opened(openers)
    subjects = [Subject(work, one, opened) for one in judged if one.methods]
    units = list(_units(work, subjects))
    progress.start("trust", len(units))
    for unit in units:
        done = unit.name in work.trust
        if not done:
            work.trust.put(unit.name, unit.rows())
        progress.advance(skipped=done)
    progress.finish()
    return [unit.name for unit in units]


def _units(work: Workspace, subjects: Sequence[Subject]) -> Iterator[Unit]:
    for spec, criterion in work.criteria.items():
        if isinstance(criterion, BetweenModels):
            yield from _between(work, spec, criterion, subjects)
            if READERS in work.experiment.score.controls and named(spec) in CRITERIA:
                yield from _readers(work, spec, subjects)
    for subject in subjects:  # one model in memory at a time
        if not subject.explains or subject.origin.permuted:
            continue
        for spec, criterion in work.criteria.items():
            if isinstance(criterion, OfCopies):
                yield from _copies(work, spec, criterion, subject)
            elif isinstance(criterion, OfFilms):
                yield from _films(work, spec, criterion, subject)


def check_pairs(work: Workspace, ids: Mapping[str, ModelId]) -> None:
    """Raises ExperimentError for a criterion that will find no two models to compare.

    Args:
        work: The experiment.
        ids: What models and imported maps are, or will be; checkpoints do not matter.
    """
    asked = [judging.model for judging in work.judgings if judging.explained and not judging.tunes]
    tuning = work.experiment.score.tune
    asked += [entry.name for entry in work.experiment.maps if entry.data != tuning]
    models = [origin_of(work.experiment, name, ids[name]) for name in dict.fromkeys(asked)]
    for spec, criterion in work.criteria.items():
        if isinstance(criterion, BetweenModels):
            _pairs(spec, criterion, models)


def _pairs(
    spec: str, criterion: BetweenModels, models: Sequence[Origin]
) -> list[tuple[Origin, Origin, str]]:
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
    by_name = {subject.name: subject.origin for subject in subjects}
    for first, second, step in _pairs(spec, criterion, list(by_name.values())):
        for one in (subject for subject in subjects if subject.name == first.name):
            for other in (subject for subject in subjects if subject.name == second.name):
                if one.data == other.data:
                    methods = [method for method in one.methods if method in other.methods]
                    asked = Asked(work, spec, one, other, methods, work.similarities)
                    shared = _shared(one, other)
                    yield from asked.stored(shared, SAME, step)
                    # What the two models make of two films: alike only as all their maps are.
                    yield from asked.stored(one.pairs(different_films, shared), DIFFERENT, step)


def _readers(work: Workspace, spec: str, subjects: Sequence[Subject]) -> Iterator[Unit]:
    """What readers of the same films agree on, as the height that models may reach."""
    for data in dict.fromkeys(subject.data for subject in subjects):
        asking = [subject for subject in subjects if subject.data == data]
        every = [case for subject in asking for case in subject.cases]
        cases = {(case.one.image_id, case.finding): case for case in every}
        for name, rows in agreement(work, spec, asking[0], list(cases.values())):
            yield Unit(name, rows)


def _copies(work: Workspace, spec: str, criterion: OfCopies, subject: Subject) -> Iterator[Unit]:
    made_by = criterion.explained_by(work.methods)
    asked = Asked(
        *(work, spec, subject, subject, subject.methods),
        criterion.measured_by(work.similarities),
        None if made_by == work.methods else made_by,
    )

    def rows(cases: Sequence[Case]) -> Rows:
        trained = subject.trained(asked.methods, cases, asked.made_by)
        for copied, found in subject.copies(criterion, made_by, cases):
            comparison = asked.comparison(SAME, copied.step.name, copied.draw)
            yield from comparison.rows(cases, asked.methods, trained, found)

    for some in _of_films(subject.cases):
        yield Unit(asked.name(some, SAME), partial(rows, some))
    if criterion.random_pairs:
        pairing = partial(random_pairs, most=criterion.random_pairs)
        yield from asked.stored(subject.pairs(pairing, subject.cases), RANDOM)


def _films(work: Workspace, spec: str, criterion: OfFilms, subject: Subject) -> Iterator[Unit]:
    asked = Asked(work, spec, subject, subject, subject.methods, work.similarities)

    def rows(cases: Sequence[Case], level: str) -> Rows:
        before = subject.trained(asked.methods, cases)
        after = subject.changed(cases, partial(criterion.changed, level=level))
        comparison = replace(
            asked.comparison(SAME, level), align=partial(criterion.aligned, level=level)
        )
        yield from comparison.rows(cases, asked.methods, before, after)

    for level in criterion.levels:
        for some in _of_films(subject.cases):
            yield Unit(asked.name(some, SAME, level), partial(rows, some, level))
    yield from asked.stored(subject.pairs(different_films, subject.cases), DIFFERENT)


def _shared(one: Subject, other: Subject) -> list[Case]:
    """What both are asked about."""
    theirs = {(case.one.image_id, case.finding) for case in other.cases}
    return [case for case in one.cases if (case.one.image_id, case.finding) in theirs]


def _of_films(cases: Sequence[Case]) -> Iterator[list[Case]]:
    """Some films at a time, with all that is asked of them."""
    by_film: dict[str, list[Case]] = {}
    for case in cases:
        by_film.setdefault(case.one.image_id, []).append(case)
    for some in _blocks(list(by_film.values()), FILMS):
        yield [case for film in some for case in film]


def _blocks(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
