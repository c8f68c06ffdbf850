"""Several workers run one experiment: what they write is what one run writes, and once."""

import os
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from heatproof.experiment.file import load
from heatproof.progress import Silent
from heatproof.run.pipeline import LEASES, run
from tests.faults.experiments import EXPERIMENTS, written

TABLES = ("scores", "estimates", "trust", "verdicts", "predictions")
COMMAND = "import sys; from heatproof.cli import main; sys.argv[0] = 'heatproof'; main()"


class Counting(Silent):
    """Counts what this worker made, and the trainings that it heard of."""

    def __init__(self) -> None:
        self.made, self.found, self.told = 0, 0, set()

    def advance(self, *, skipped: bool = False, note: str = "") -> None:
        self.found += skipped
        self.made += not skipped and not note

    def tell(self, note: str, share: float | None = None) -> None:
        self.told.add(note.partition(":")[0])


def start(file: Path, output: Path) -> subprocess.Popen[bytes]:
    """A worker, as a launcher starts it."""
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, "run", str(file), "--worker", "-q", "-o", str(output)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def tables(folder: Path) -> dict[str, pl.DataFrame]:
    """The tables beside the report."""
    files = (folder / f"{name}.parquet" for name in TABLES)
    return {file.stem: pl.read_parquet(file) for file in files if file.exists()}


def assert_equal(folder: Path, other: Path) -> None:
    """To the last digit, and in the same order."""
    expected, found = tables(folder), tables(other)
    assert expected.keys() == found.keys()
    for name, table in expected.items():
        assert table.equals(found[name], null_equal=True), name


@pytest.mark.slow
def test_a_worker_alone_does_what_a_run_does(tmp_path: Path) -> None:
    file = written("own network, trust", tmp_path)
    run(load(file, {"output": str(tmp_path / "run")}))
    page = run(load(file, {"output": str(tmp_path / "worker")}), worker=True)
    assert page.is_file()
    assert_equal(tmp_path / "run", tmp_path / "worker")
    assert not list((tmp_path / "worker" / LEASES).iterdir())


@pytest.mark.slow
def test_a_worker_that_comes_late_makes_nothing(tmp_path: Path) -> None:
    experiment = load(written("own network, trust", tmp_path))
    run(experiment, worker=True)
    late = Counting()
    run(experiment, progress=late, worker=True)
    assert late.made == 1  # that the experiment was checked
    assert late.found


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in EXPERIMENTS if name != "sweep"])
@pytest.mark.parametrize("count", [2, 4])
def test_workers_write_what_one_run_writes(tmp_path: Path, name: str, count: int) -> None:
    """One of them is killed in the middle."""
    file = written(name, tmp_path)
    run(load(file, {"output": str(tmp_path / "run")}))
    assert_shared(tmp_path, file, count)


@pytest.mark.slow
def test_workers_whose_maps_do_not_stay_write_what_a_run_writes(tmp_path: Path) -> None:
    file = written("own network, trust", tmp_path)
    run(load(file, {"output": str(tmp_path / "run")}))
    file.write_text(file.read_text().replace("[explain]\n", '[explain]\nkeep = "none"\n'))
    assert_shared(tmp_path, file, 2)
    assert not list((tmp_path / "shared/maps").rglob("arrays"))


def assert_shared(tmp_path: Path, file: Path, count: int) -> None:
    """So many workers, of which one is killed, write what the folder ``run`` holds."""
    workers = [start(file, tmp_path / "shared") for _ in range(count)]
    places = (tmp_path / "shared" / "predictions", tmp_path / "shared" / "models")
    until = time.monotonic() + 120
    while not any(place.exists() for place in places) and time.monotonic() < until:
        time.sleep(0.05)
    killed, *others = workers
    killed.kill()
    killed.communicate()  # until then the system keeps its number, and it counts as living
    for worker in others:
        said, _ = worker.communicate(timeout=300)
        assert worker.returncode == 0, said.decode()
        assert said.decode().strip() == str(tmp_path / "shared" / "report.html")
    assert_equal(tmp_path / "run", tmp_path / "shared")
