"""What is missing is made, once and whole, and everything is counted."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import sleep

import pytest

from heatproof.leases import Leases
from heatproof.progress import Silent
from heatproof.stages.loop import Unit, complete, make
from heatproof.tables.contents import Contents
from heatproof.tables.units import Units

NAMES = ["a", "b", "c", "d"]


class Counting(Silent):
    def __init__(self):
        self.done, self.skipped = 0, 0

    def advance(self, *, skipped=False, note=""):
        self.skipped += skipped
        self.done += not skipped


@pytest.fixture
def table(tmp_path):
    return Units(tmp_path, Contents)


@pytest.fixture(params=["alone", "reading ahead"])
def pool(request):
    if request.param == "alone":
        yield None
        return
    with ThreadPoolExecutor(1) as threads:
        yield threads


def units(made: list[str], failing: str = "") -> list[Unit]:
    """Units of two rows that say in ``made`` when they are made; one may fail after its first."""

    def unit(name: str) -> Unit:
        def rows():
            made.append(name)
            yield {"image_id": f"{name}0", "digest": name}
            if name == failing:
                raise ValueError(name)
            yield {"image_id": f"{name}1", "digest": name}

        return Unit(name, rows)

    return [unit(name) for name in NAMES]


def images(table: Units[Contents], names: list[str]) -> list[str]:
    return table.read(names).frame["image_id"].to_list()


def test_all_units_are_written_in_their_order(table, pool):
    made, progress = [], Counting()
    names = make(units(made), table, progress, pool)
    assert names == made == NAMES
    assert images(table, names) == ["a0", "a1", "b0", "b1", "c0", "c1", "d0", "d1"]
    assert (progress.done, progress.skipped) == (4, 0)


def test_what_is_there_is_not_made_again(table, pool):
    table.put("b", [{"image_id": "as it was", "digest": "b"}])
    made, progress = [], Counting()
    names = make(units(made), table, progress, pool)
    assert made == ["a", "c", "d"]
    assert names == NAMES
    assert images(table, ["b"]) == ["as it was"]
    assert (progress.done, progress.skipped) == (3, 1)
    make(units(made), table, progress, pool)
    assert made == ["a", "c", "d"]
    assert (progress.done, progress.skipped) == (3, 5)


def test_a_failure_keeps_what_was_done_and_nothing_of_its_own(table, pool):
    made, progress = [], Counting()
    with pytest.raises(ValueError, match="c"):
        make(units(made, failing="c"), table, progress, pool)
    assert [name in table for name in NAMES] == [True, True, False, False]
    assert progress.done == 2
    again = []
    make(units(again), table, progress, pool)
    assert again == ["c", "d"]


def test_nothing_to_do_is_no_work(table, pool):
    assert make([], table, Counting(), pool) == []


def test_one_unit_is_read_ahead_and_no_more(table):
    called = {name: Event() for name in NAMES}
    ahead = []

    def unit(place: int, name: str) -> Unit:
        def rows():
            called[name].set()  # here a stage reads

            def work():
                if place + 1 < len(NAMES):
                    ahead.append(called[NAMES[place + 1]].wait(timeout=60))
                further = NAMES[place + 2 :]
                assert not any(called[other].is_set() for other in further)
                yield {"image_id": name, "digest": name}

            return work()

        return Unit(name, rows)

    with ThreadPoolExecutor(2) as threads:
        make([unit(*each) for each in enumerate(NAMES)], table, pool=threads)
    assert ahead == [True, True, True]
    assert images(table, NAMES) == NAMES


def test_an_item_may_be_more_than_a_unit_of_one_table(pool):
    """Maps and predictions of a block are written together, and are done together."""
    maps, predictions, progress = {"a": 1}, {"a": 1, "b": 2}, Counting()

    def write(name: str, content: int) -> None:
        maps[name] = content
        predictions.setdefault(name, content)

    def is_done(name: str) -> bool:
        return name in maps and name in predictions

    complete(
        NAMES,
        name=str,
        is_done=is_done,
        read=NAMES.index,
        write=write,
        progress=progress,
        pool=pool,
    )
    assert maps == {"a": 1, "b": 1, "c": 2, "d": 3}
    assert predictions == {"a": 1, "b": 2, "c": 2, "d": 3}
    assert (progress.done, progress.skipped) == (3, 1)


def test_workers_make_each_unit_once(tmp_path, pool):
    """Two walk over the same units at the same time, from other places; both end with all."""
    leases = [Leases(tmp_path / "leases") for _ in range(2)]
    made: list[str] = []
    names = [f"{number:02}" for number in range(24)]

    def unit(name: str) -> Unit:
        def rows():
            made.append(name)
            sleep(0.005)
            yield {"image_id": name, "digest": name}

        return Unit(name, rows)

    def work(number: int) -> list[str]:
        with ThreadPoolExecutor(1) as threads:
            table = Units(tmp_path, Contents, leases[number])
            return make(list(map(unit, names)), table, pool=threads if pool else None)

    with ThreadPoolExecutor(2) as workers:
        assert list(workers.map(work, range(2))) == [names, names]
    assert sorted(made) == names
    assert not list((tmp_path / "leases").iterdir())


def test_a_worker_waits_for_what_others_make_and_counts_it(tmp_path):
    other, table = (
        Leases(tmp_path / "leases"),
        Units(tmp_path, Contents, Leases(tmp_path / "leases")),
    )
    assert other.take("b")
    progress, made = Counting(), []

    def finish() -> None:
        while len(made) < 3:
            sleep(0.01)
        Units(tmp_path, Contents).put("b", [{"image_id": "of the other", "digest": "b"}])
        other.release("b")

    with ThreadPoolExecutor(1) as elsewhere:
        done = elsewhere.submit(finish)
        make(units(made), table, progress)
        done.result()
    assert sorted(made) == ["a", "c", "d"]
    assert images(table, ["b"]) == ["of the other"]
    assert (progress.done, progress.skipped) == (3, 1)


def test_a_failure_leaves_its_units_to_others(tmp_path, pool):
    leases = Leases(tmp_path / "leases")
    with pytest.raises(ValueError, match="b"):
        make(units([], failing="b"), Units(tmp_path, Contents, leases), pool=pool)
    assert not list((tmp_path / "leases").iterdir())
