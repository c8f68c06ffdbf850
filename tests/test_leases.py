"""Leases: one holder at a time, and none that is gone keeps others waiting."""

import os
import platform
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from heatproof.leases import Leases


def lease_of(holder: str, folder: Path, name: str, *, age: float = 0.0) -> Path:
    """A lease as another worker leaves it: taken, and touched so many seconds ago."""
    Leases(folder).take(name)
    [path] = folder.glob("*.lease")
    path.write_text(holder)
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_one_worker_at_a_time_holds_a_lease(tmp_path: Path) -> None:
    first, second = Leases(tmp_path), Leases(tmp_path)
    assert first.take("a")
    assert not second.take("a")
    assert second.take("b")
    first.release("a")
    assert second.take("a")


def test_of_many_at_once_one_gets_it(tmp_path: Path) -> None:
    workers = [Leases(tmp_path) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for name in map(str, range(50)):
            assert sum(pool.map(lambda worker, name=name: worker.take(name), workers)) == 1


def test_any_name_will_do(tmp_path: Path) -> None:
    names = ["../outside", "a/b", "x" * 1000, "\0", "model ünï"]
    leases = Leases(tmp_path / "leases")
    assert all(leases.take(name) for name in names)
    assert len(list((tmp_path / "leases").iterdir())) == len(names)
    assert [place.name for place in tmp_path.iterdir()] == ["leases"]


def test_what_is_not_held_is_not_released(tmp_path: Path) -> None:
    first, second = Leases(tmp_path), Leases(tmp_path)
    first.take("a")
    second.release("a")
    assert not second.take("a")


@pytest.mark.parametrize(("age", "taken"), [(50.0, False), (70.0, True)])
def test_a_lease_of_another_machine_is_taken_over_when_it_expires(tmp_path, age, taken) -> None:
    path = lease_of("elsewhere 1 x", tmp_path, "a", age=age)
    assert Leases(tmp_path, expiry=60.0).take("a") is taken
    assert [path] == list(tmp_path.iterdir())


def test_a_worker_of_this_machine_that_is_gone_keeps_nobody_waiting(tmp_path: Path) -> None:
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    lease_of(f"{platform.node()} {int(gone.stdout)} x", tmp_path, "a")
    assert Leases(tmp_path).take("a")


@pytest.mark.parametrize("holder", ["", "elsewhere", f"{platform.node()} what x"])
def test_a_lease_that_says_nothing_expires_by_its_age(tmp_path, holder) -> None:
    lease_of(holder, tmp_path, "a")
    assert not Leases(tmp_path).take("a")
    lease_of(holder, tmp_path, "a", age=61.0)
    assert Leases(tmp_path).take("a")


def test_a_lease_that_is_held_stays_fresh(tmp_path: Path) -> None:
    holder, other = Leases(tmp_path, expiry=0.6), Leases(tmp_path, expiry=0.6)
    holder.take("a")
    # Of another machine, so that age alone decides.
    [path] = tmp_path.glob("*.lease")
    path.write_text("elsewhere 1 x")
    time.sleep(1.2)
    assert not other.take("a")
    holder.release("a")
    assert other.take("a")
