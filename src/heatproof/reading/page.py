"""The page of a study, in the style of a run's report: who read, how well, how fast, how alike."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from heatproof import words
from heatproof.errors import HeatproofError
from heatproof.interactive.reader_study import ReaderStudy, compare_readers
from heatproof.reading.answers import SHAPES, Answer
from heatproof.reading.room import Room
from heatproof.reading.study import NO_MAP, Task
from heatproof.report.page.html import page_environment
from heatproof.stats.mrmc.automation_bias import AutomationBias, automation_bias
from heatproof.stats.mrmc.duration import Ratio, durations
from heatproof.stats.mrmc.ratings import Ratings

if TYPE_CHECKING:
    from heatproof.reading.export import Read

_FEW = 2  # readers from whom others are inferred


@dataclass(frozen=True)
class ReaderRow:
    """What one reader did.

    Attributes:
        name: The reader.
        role: Benchmark or reference.
        done: Readings that are finished.
        total: Readings in all.
        seconds: Median of a case; nan without one.
        interruptions: Of all cases.
        changes: Of mind, in all cases.
        timed_out: Cases that the limit ended.
    """

    name: str
    role: str
    done: int
    total: int
    seconds: float
    interruptions: int
    changes: int
    timed_out: int


@dataclass(frozen=True)
class Said:
    """How often one thing was said of the films of a task, by maps.

    Attributes:
        word: What was said.
        counts: How often, in the order of ``shows``.
    """

    word: str
    counts: tuple[int, ...]


@dataclass(frozen=True)
class TaskSection:
    """What came of one task.

    Attributes:
        task: What was asked.
        cases: Finished readings that count.
        training: Finished training readings.
        repeated: How many films were read twice by the same reader.
        agreed: Of these, how many got the same answer.
        figures: The comparison of maps; None where there is none.
        no_figures: Why there is none, in words.
        times: Ratios of reading times between maps.
        bias: Of each maps that come of a model, whether what it called was followed.
        said: What was said, and how often.
        marks: Marks in all.
        empty: Films on which a reader marked nothing.
        overlap: Mean Dice of every two readers, over films that both marked; nan without any.
        pairs: How many such pairs of readers and films there are.
    """

    task: Task
    cases: int
    training: int
    repeated: int
    agreed: int
    figures: ReaderStudy | None
    no_figures: str
    times: tuple[Ratio, ...]
    bias: tuple[tuple[str, AutomationBias], ...]
    said: tuple[Said, ...]
    marks: int
    empty: int
    overlap: float
    pairs: int


@dataclass(frozen=True)
class StudyContent:
    """Everything that the page says."""

    title: str
    state: str
    films: int
    readers: tuple[ReaderRow, ...]
    tasks: tuple[TaskSection, ...]

    @property
    def readings(self) -> int:
        """How many are finished."""
        return sum(row.done for row in self.readers)


def page(room: Room, reads: Sequence["Read"]) -> str:
    """The page, as one file.

    Args:
        room: The study.
        reads: Its finished readings.
    """
    content = StudyContent(
        room.study.name,
        room.ledger.state,
        len({read.reading.image_id for read in reads}),
        tuple(_readers(room, reads)),
        tuple(_section(room, task, reads) for task in room.study.tasks),
    )
    return (
        page_environment()
        .get_template("reading.html")
        .render(content=content, no_map=NO_MAP, duration=_seconds, marking=SHAPES)
    )


def _readers(room: Room, reads: Sequence["Read"]) -> Iterator[ReaderRow]:
    for reader in room.study.readers:
        of_reader = [read for read in reads if read.reading.reader == reader.name]
        cases = [read.answer for read in of_reader if read.reading.part != "training"]
        yield ReaderRow(
            reader.name,
            reader.role,
            len(of_reader),
            len(room.of_reader[reader.name]),
            median(each.seconds for each in cases) if cases else math.nan,
            sum(each.interruptions for each in cases),
            sum(each.changes for each in cases),
            sum(each.timed_out for each in cases),
        )


def _section(room: Room, task: Task, reads: Sequence["Read"]) -> TaskSection:
    of_task = [read for read in reads if read.reading.task == task.name]
    cases = [read for read in of_task if read.reading.part == "case"]
    pairs = list(_pairs(of_task))
    overlaps = list(_overlaps(room, cases)) if SHAPES.get(task.kind) in ("contour", "box") else []
    figures, why = figures_of_task(task, cases)
    return TaskSection(
        task=task,
        cases=len(cases),
        training=sum(read.reading.part == "training" for read in of_task),
        repeated=len(pairs),
        agreed=sum(_alike(first, second) for first, second in pairs),
        figures=figures,
        no_figures=why,
        times=_times(cases),
        bias=tuple(_bias(room, task, cases)),
        said=tuple(_said(task, cases)),
        marks=sum(len(read.answer.marks) for read in cases),
        empty=sum(not read.answer.marks for read in cases),
        overlap=float(np.mean(overlaps)) if overlaps else math.nan,
        pairs=len(overlaps),
    )


def figures_of_task(task: Task, cases: Sequence["Read"]) -> tuple[ReaderStudy | None, str]:
    """The comparison of the maps of a task, or None and why there is none, as a sentence.

    Args:
        task: What was asked.
        cases: Readings that count.
    """
    if task.kind != "decision":
        return None, ""
    rated = [read for read in cases if read.truth is not None]
    try:
        columns = _columns(rated, [read.answer.rating for read in rated])
        return compare_readers(Ratings.of_columns(*columns)), ""
    except HeatproofError as error:
        return None, words.sentence(str(error))


def _columns(reads: Sequence["Read"], values: Iterable[float]) -> tuple[list[object], ...]:
    """Reader, case, modality, truth and number of each reading."""
    return (
        [read.reading.reader for read in reads],
        [read.reading.image_id for read in reads],
        [read.reading.shows for read in reads],
        [bool(read.truth) for read in reads],
        list(values),
    )


def _times(cases: Sequence["Read"]) -> tuple[Ratio, ...]:
    timed = [read for read in cases if read.answer.seconds > 0]
    several = len({read.reading.shows for read in timed}) > 1
    if not several or len({read.reading.reader for read in timed}) < _FEW:
        return ()
    try:
        seconds = Ratings.of_columns(*_columns(timed, (read.answer.seconds for read in timed)))
        return durations(seconds)
    except HeatproofError:
        return ()


def _bias(room: Room, task: Task, cases: Sequence["Read"]) -> Iterator[tuple[str, AutomationBias]]:
    """Whether readers follow what a model called, right or wrong, once they see its maps."""
    if task.kind != "decision" or NO_MAP not in task.shows:
        return
    for shows in task.shows:
        suggested = {} if shows == NO_MAP else room.cases.suggestions(shows, task.finding)
        reads = [
            read
            for read in cases
            if read.reading.shows in (NO_MAP, shows)
            and read.truth is not None
            and read.answer.yes is not None
            and read.reading.image_id in suggested
        ]
        try:
            decisions = Ratings.of_columns(
                *_columns(reads, (float(bool(r.answer.yes)) for r in reads))
            )
            suggestion = np.array([suggested[case] for case in decisions.cases])
            yield shows, automation_bias(decisions, suggestion, NO_MAP, shows)
        except HeatproofError:
            continue  # no maps of a model, or fewer than two wrong suggestions


def _said(task: Task, cases: Sequence["Read"]) -> Iterator[Said]:
    words_of: dict[str, list[str]] = {shows: [] for shows in task.shows}
    for read in cases:
        words_of[read.reading.shows] += _words(task, read.answer)
    scale = task.scale if task.kind in ("decision", "map_rating") else []
    yes = [f"yes, {word}" for word in reversed(scale)]
    known = {
        "decision": [*yes, *(f"no, {word}" for word in scale)],
        "map_rating": scale,
        "failures": task.places,
    }
    for word in known.get(task.kind, []):
        yield Said(word, tuple(said.count(word) for said in words_of.values()))


def _words(task: Task, answer: Answer) -> Iterator[str]:
    """What was said, in the words that are counted."""
    if task.kind == "failures":
        yield from answer.places
    elif answer.value is not None:
        choice = {True: "yes, ", False: "no, ", None: ""}[answer.yes]
        yield choice + task.scale[answer.value]


def _pairs(reads: Sequence["Read"]) -> Iterator[tuple[Answer, Answer]]:
    """First and second answer of films that a reader read twice."""
    first = {
        (r.reading.reader, r.reading.image_id, r.reading.shows): r.answer
        for r in reads
        if r.reading.part == "case"
    }
    for read in reads:
        key = read.reading.reader, read.reading.image_id, read.reading.shows
        if read.reading.part == "repeat" and key in first:
            yield first[key], read.answer


def _alike(first: Answer, second: Answer) -> bool:
    """Whether two answers say the same: yes or no, word and places; of marks, whether there are."""
    if first.yes is not None or second.yes is not None:
        return first.yes == second.yes
    if first.value is not None or second.value is not None:
        return first.value == second.value
    if first.places or second.places:
        return set(first.places) == set(second.places)
    return bool(first.marks) == bool(second.marks)


def _overlaps(room: Room, cases: Sequence["Read"]) -> Iterator[float]:
    """Dice of every two readers who marked the same film with the same maps."""
    of_film: dict[tuple[str, str], list[Answer]] = {}
    for read in cases:
        if read.answer.marks:
            key = read.reading.image_id, read.reading.shows
            of_film.setdefault(key, []).append(read.answer)
    for (image_id, _), answers in of_film.items():
        size = room.sizes[image_id]
        masks = []
        for answer in answers if len(answers) > 1 else ():
            drawn = [mark.drawn(size).mask(*size) for mark in answer.marks]
            masks.append(np.logical_or.reduce(drawn))
        for one, other in combinations(masks, 2):
            total = int(one.sum()) + int(other.sum())
            if total:
                yield 2 * int((one & other).sum()) / total


def _seconds(value: float) -> str:
    """A reading time, such as ``"8.2 s"``."""
    return words.NOT_DEFINED if math.isnan(value) else f"{value:.1f} s"
