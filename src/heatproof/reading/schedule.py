"""Who reads what, in which order, and with which maps.

*Order*: shuffled by the seed of the study, the task and the session.  Of every two readers, as the
file lists them, the second reads in the reverse order of the first, so that a film that tired eyes
see in one reader is seen by fresh ones in the other.

*Crossover* of k ``shows``: films are dealt into k groups, positive and negative ones apart.  In
session s, reader r reads group g with the ``shows`` number (g + s + r) mod k: a Latin square, in
which every reader reads every film once in each session, and once with each map in all, and each
session holds all maps equally often.

*Sequential*: every film with all ``shows`` one after the other, in one session.

Training films come first, and repeats last; neither is part of the balance.
"""

import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from heatproof.reading.study import NO_MAP, Study, Task

Part = Literal["training", "case", "repeat"]


@dataclass(frozen=True)
class Reading:
    """One film that one reader reads once.

    Attributes:
        id: What browsers call it; says nothing of the film.
        reader: Who reads.
        task: What is asked.
        image_id: The film.
        shows: Maps that it is read with; ``"none"`` without.
        session: From 0; sessions of a reader lie ``washout_days`` apart.
        part: Training and repeats are no cases.
    """

    id: str
    reader: str
    task: str
    image_id: str
    shows: str
    session: int
    part: Part


def schedule(
    study: Study, films: Mapping[str, Mapping[str, bool | None]], secret: str
) -> tuple[Reading, ...]:
    """Every reading of every reader, in order.

    Args:
        study: The study.
        films: Of each task, its films by identifier, in order, each with its label.
        secret: Without which nobody can tell films by ``Reading.id``.
    """
    return tuple(
        _reading(study, task, reader, place, each, secret)
        for reader in range(len(study.readers))
        for task in study.tasks
        for place, each in enumerate(_of_task(study, task, films[task.name], reader))
    )


_Step = tuple[str, str, int, Part]  # film, maps, session, part


def _reading(
    study: Study, task: Task, reader: int, place: int, step: _Step, secret: str
) -> Reading:
    name = study.readers[reader].name
    text = "\0".join([secret, name, task.name, str(place)])
    identifier = hashlib.sha256(text.encode()).hexdigest()[:32]
    image_id, shows, session, part = step
    return Reading(identifier, name, task.name, image_id, shows, session, part)


def _of_task(
    study: Study, task: Task, films: Mapping[str, bool | None], reader: int
) -> Iterator[_Step]:
    seeds = (study.seed, zlib.crc32(task.name.encode()))
    for film in task.training:
        for shows in task.shows if task.order == "sequential" else task.shows[-1:]:
            yield film, shows, 0, "training"
    cases = {film: label for film, label in films.items() if film not in task.training}
    if task.order == "sequential":
        last = 0
        for film in _ordered(list(cases), seeds, 0, reader):
            for shows in task.shows:
                yield film, shows, 0, "case"
    else:
        groups, k = _groups(cases, len(task.shows), seeds), len(task.shows)
        last = k - 1
        for session in range(k):
            for film in _ordered(list(cases), seeds, session, reader):
                yield film, task.shows[(groups[film] + session + reader) % k], session, "case"
    again = _ordered(list(cases), (*seeds, 1), last, reader)[: task.repeats]
    for film in again:
        # As it was read in the last session, so that nothing differs but the time.
        shows = task.shows[-1] if task.order == "sequential" else (
            task.shows[(groups[film] + last + reader) % k]
        )  # fmt: skip
        yield film, shows, last, "repeat"


def _ordered(films: list[str], seeds: Sequence[int], session: int, reader: int) -> list[str]:
    pair = reader // 2
    order = np.random.default_rng((*seeds, session, pair)).permutation(len(films)).tolist()
    return [films[place] for place in (order if reader % 2 == 0 else order[::-1])]


def _groups(films: Mapping[str, bool | None], count: int, seeds: Sequence[int]) -> dict[str, int]:
    """The group of each film; groups hold positive and negative films in equal numbers."""
    generator, dealt = np.random.default_rng(seeds), 0
    groups: dict[str, int] = {}
    for label in (True, False, None):
        alike = [film for film, of_film in films.items() if of_film is label]
        for place in generator.permutation(len(alike)).tolist():
            groups[alike[place]] = dealt % count
            dealt += 1
    return groups


def is_aided(reading: Reading) -> bool:
    """Whether it is read with a map."""
    return reading.shows != NO_MAP
