import os
import threading

import pytest

from heatproof.data.threads import readers, side_by_side


def test_as_many_films_are_read_at_once_as_the_process_may_use_cores(monkeypatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(7)), raising=False)
    assert readers() == 7
    together = threading.Barrier(7)  # broken unless seven wait at it at once
    with side_by_side() as pool:
        assert sorted(pool.map(lambda _: together.wait(20), range(7))) == [*range(7)]


@pytest.mark.parametrize(("cores", "expected"), [(5, 5), (None, 1)])
def test_where_no_system_tells_which_cores_all_count(monkeypatch, cores, expected) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert readers() == expected
