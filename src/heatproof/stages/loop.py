"""The loop of every stage: what is missing is made, and what is there is left alone.

A stage is a function that yields units; ``make`` writes those that its table lacks.  Units are made
in their order, one at a time, and written whole: whoever stops a run loses the unit that was being
made and nothing else, and the next run goes on there.  The first failure ends the loop.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, TypeVar

from heatproof.progress import Progress, Silent
from heatproof.tables.units import Units

_Item = TypeVar("_Item")
_Read = TypeVar("_Read")


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
        is_done=lambda unit: unit.name in table,
        read=lambda unit: unit.rows(),
        write=lambda unit, rows: table.put(unit.name, rows),
        progress=progress or Silent(),
        pool=pool,
    )
    return [unit.name for unit in units]


def complete(
    items: Sequence[_Item],
    is_done: Callable[[_Item], bool],
    read: Callable[[_Item], _Read],
    write: Callable[[_Item, _Read], None],
    progress: Progress,
    pool: Executor | None = None,
) -> None:
    """Do what is not done: ``make``, for items that are more than some rows of one table.

    Args:
        items: What the stage walks over.
        is_done: Whether an item needs nothing.
        read: Prepares an item; in a thread of the pool, while the item before is written.
        write: Does the rest, and writes all of the item or nothing.
        progress: Hears of every item, done or skipped.
        pool: Where given, one of its threads reads ahead; never more than one item.
    """
    missing = [item for item in items if not is_done(item)]
    for _ in range(len(items) - len(missing)):
        progress.advance(skipped=True)
    if pool is None:
        for item in missing:
            write(item, read(item))
            progress.advance()
        return
    # The list holds one future at most, so that what was written is not kept in memory by it.
    ahead = [pool.submit(read, item) for item in missing[:1]]
    for place, item in enumerate(missing):
        content = ahead.pop().result()
        # The next item is submitted before this one is written, so that it is read meanwhile.
        if place + 1 < len(missing):
            ahead.append(pool.submit(read, missing[place + 1]))
        write(item, content)
        progress.advance()
