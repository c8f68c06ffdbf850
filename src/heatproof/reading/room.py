"""One study, open for reading: who may read what now, and what may be kept."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from starlette.concurrency import run_in_threadpool

from heatproof.errors import DataError, HeatproofError
from heatproof.reading.answers import answer, checked, lacking
from heatproof.reading.cases import Cases, Picture
from heatproof.reading.ledger import Event, Ledger
from heatproof.reading.schedule import Reading, schedule
from heatproof.reading.study import Study

_KEPT = 6  # films in memory: those of several readers, and the next of each


class Room:
    """One study, open for reading.

    Args:
        study: The study.
        cases: Its films and maps.
        ledger: What happened in it; used in the thread of the event loop.
    """

    def __init__(self, study: Study, cases: Cases, ledger: Ledger) -> None:
        self.study, self.cases, self.ledger = study, cases, ledger
        ledger.begin(
            study.frozen(), {task.name: (task.version, task.instructions) for task in study.tasks}
        )
        films = {task.name: cases.films_of(task) for task in study.tasks}
        every = schedule(study, films, ledger.about("secret"))
        self.readings: Mapping[str, Reading] = {reading.id: reading for reading in every}
        self.sizes = {
            name: cases.samples[name].pixels.size()
            for name in {reading.image_id for reading in every}
        }
        self._pictures: dict[tuple[str, ...], asyncio.Future[Picture]] = {}

    @cached_property
    def of_reader(self) -> Mapping[str, Sequence[Reading]]:
        """The readings of each reader, in order."""
        found: dict[str, list[Reading]] = {reader.name: [] for reader in self.study.readers}
        for reading in self.readings.values():
            found[reading.reader].append(reading)
        return found

    @property
    def cookie(self) -> str:
        """The name of the cookie of sessions: browsers share cookies among ports of a machine."""
        return f"heatproof_{hashlib.sha256(self.ledger.about('secret').encode()).hexdigest()[:8]}"

    def remaining(self, reader: str) -> tuple[list[Reading], float | None]:
        """What a reader may read now, in order, and when more may be read, in seconds."""
        done = self.ledger.done()
        open_: list[Reading] = []
        last: dict[tuple[str, int], float] = {}
        for reading in self.of_reader[reader]:
            if reading.id in done:
                key = (reading.task, reading.session)
                last[key] = max(last.get(key, 0.0), done[reading.id])
                continue
            if open_ and (reading.task, reading.session) != (open_[0].task, open_[0].session):
                break
            if reading.session and not open_:
                washout = 86400 * self.study.task(reading.task).washout_days
                begins = last.get((reading.task, reading.session - 1), 0.0) + washout
                if begins > time.time():
                    return [], begins
            open_.append(reading)
        return open_, None

    def check(self, event: Event) -> None:
        """Raises DataError for an event that may not be added now."""
        reading = self.readings[event.reading]
        task = self.study.task(reading.task)
        open_, _ = self.remaining(reading.reader)
        if not open_ or open_[0].id != reading.id:
            raise DataError("this film is finished, or films before it are not")
        checked(event, task, self.sizes[reading.image_id])
        if event.kind == "done" and not event.content["timed_out"]:
            missing = lacking(answer(self.ledger.events(reading.id)), task)
            if missing:
                raise DataError(missing)

    async def film(self, reading: Reading) -> Picture:
        """Its film; raises PixelError where it cannot be read."""
        name = reading.image_id
        return await self._picture((name,), lambda: self.cases.film(name))

    async def map(self, reading: Reading) -> Picture:
        """The map that it is read with; raises MapError where there is none."""
        what = reading.shows, reading.image_id, self.study.task(reading.task).finding
        return await self._picture(what, lambda: self.cases.map(*what))

    async def _picture(self, what: tuple[str, ...], make: Callable[[], Picture]) -> Picture:
        """Made once in a thread, for all who wait, and kept a while."""
        if what not in self._pictures:
            while len(self._pictures) >= _KEPT:
                self._pictures.pop(next(iter(self._pictures)))
            self._pictures[what] = asyncio.ensure_future(run_in_threadpool(make))
        try:
            return await asyncio.shield(self._pictures[what])
        except HeatproofError:
            self._pictures.pop(what, None)
            raise
