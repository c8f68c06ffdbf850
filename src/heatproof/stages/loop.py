"""The loop of every stage: what is missing is made, and what is there is left alone.

A stage is a function that yields units; ``make`` writes those that its table lacks.  Units are made
in their order, one at a time, and written whole: whoever stops a run loses the unit that was being
made and nothing else, and the next run goes on there.  The first failure ends the loop.

Several workers may go through the same units at the same time: each makes those whose lease it gets
(``leases``), and waits in the end for what the others still make.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Generic, TypeVar

from heatproof.leases import Leases
from heatproof.progress import Progress, Silent
from heatproof.tables.units import Units

_Item = TypeVar("_Item")
_Read = TypeVar("_Read")
_PAUSE = 1.0  # seconds until a worker looks again at what others make


@dataclass(frozen=True)
class Unit:
    """Some rows of a table, which are written together.

    Attributes:
        name: Digest of everything that the rows are made of.
        rows: Makes the rows.  Where ``make`` reads ahead, it is called while the unit before is
            made: so what it reads, it reads before it returns, and the iterator that it returns
            does the rest.
    """

    name: str
    rows: Callable[[], Iterable[Mapping[str, Any]]]


def make(
    units: Sequence[Unit],
    table: Units[Any],
    progress: Progress | None = None,
    pool: Executor | None = None,
) -> list[str]:
    """Write the units that a table lacks.

    Args:
        units: All units of a stage.
        table: Where they are written.
        progress: Hears of every unit, done or skipped.
        pool: Where given, one of its threads reads ahead.

    Returns:
        The names of all units, in order, to read the table by.
    """
    complete(
        units,
        name=lambda unit: unit.name,
        is_done=lambda unit: unit.name in table,
        read=lambda unit: unit.rows(),
        write=lambda unit, rows: table.put(unit.name, rows),
        progress=progress or Silent(),
        pool=pool,
        leases=table.leases,
    )
    return [unit.name for unit in units]


def complete(
    items: Sequence[_Item],
    *,
    name: Callable[[_Item], str],
    is_done: Callable[[_Item], bool],
    read: Callable[[_Item], _Read],
    write: Callable[[_Item, _Read], None],
    progress: Progress,
    pool: Executor | None = None,
    leases: Leases | None = None,
) -> None:
    """Do what is not done: ``make``, for items that are more than some rows of one table.

    Args:
        items: What the stage walks over.
        name: Of an item, the same for all workers.
        is_done: Whether an item needs nothing; with leases, asked again where another worker may
            have made it.
        read: Prepares an item; in a thread of the pool, while the item before is written.
        write: Does the rest, and writes all of the item or nothing.
        progress: Hears of every item, done or skipped.
        pool: Where given, one of its threads reads ahead; never more than one item.
        leases: Of this worker, where others go through the same items.
    """
    missing = [item for item in items if not is_done(item)]
    for _ in range(len(items) - len(missing)):
        progress.advance(skipped=True)
    if leases is None:
        _each(missing, read, write, progress.advance, pool)
        return
    start = leases.start(len(missing))
    missing = missing[start:] + missing[:start]
    while missing:
        turn = _Turn(missing, name, is_done, leases)
        try:
            _each(turn.items(), read, write, partial(_done, turn, progress), pool)
        finally:
            turn.end()
        left = [item for item in turn.others if not is_done(item)]
        for _ in range(turn.found + len(turn.others) - len(left)):
            progress.advance(skipped=True)
        if left and len(left) == len(missing):
            time.sleep(_PAUSE)
        missing = left


def _each(
    items: Iterable[_Item],
    read: Callable[[_Item], _Read],
    write: Callable[[_Item, _Read], None],
    done: Callable[[], None],
    pool: Executor | None,
) -> None:
    """Read and write one item after the other; with a pool, the next is read meanwhile."""
    if pool is None:
        for item in items:
            write(item, read(item))
            done()
        return
    todo = iter(items)
    # The list holds one future at most, so that what was written is not kept in memory by it.
    ahead = [(item, pool.submit(read, item)) for item in islice(todo, 1)]
    while ahead:
        item, reading = ahead.pop()
        content = reading.result()
        del reading
        # The next item is submitted before this one is written, so that it is read meanwhile.
        ahead += [(following, pool.submit(read, following)) for following in islice(todo, 1)]
        write(item, content)
        del content
        done()


class _Turn(Generic[_Item]):
    """One walk over items that other workers make, too.

    Args:
        items: The items.
        name: Of an item.
        is_done: Whether an item needs nothing any more.
        leases: Of this worker.

    Attributes:
        others: Items that other workers were making.
        found: How many items others had made.
    """

    def __init__(
        self,
        items: Sequence[_Item],
        name: Callable[[_Item], str],
        is_done: Callable[[_Item], bool],
        leases: Leases,
    ) -> None:
        self._items, self._name, self._is_done, self._leases = items, name, is_done, leases
        self._held: list[str] = []  # in the order in which they are made
        self.others: list[_Item] = []
        self.found = 0

    def items(self) -> Iterator[_Item]:
        """The items that this worker makes; the lease of each is held until it is ``done``."""
        for item in self._items:
            name = self._name(item)
            if not self._leases.take(name):
                self.others.append(item)
            elif self._is_done(item):
                self._leases.release(name)
                self.found += 1
            else:
                self._held.append(name)
                yield item

    def done(self) -> None:
        """The first of the items whose lease is held is made."""
        self._leases.release(self._held.pop(0))

    def end(self) -> None:
        """Let others make what this worker has begun."""
        while self._held:
            self.done()


def _done(turn: _Turn[_Item], progress: Progress) -> None:
    turn.done()
    progress.advance()
