"""Workers that a launcher starts do what workers do that are started by hand."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from heatproof.cli.submit import submit
from heatproof.errors import ExperimentError
from heatproof.experiment.file import load
from heatproof.run.clusters import LOGS, Worker, submit_to_slurm, work_on_ray
from heatproof.run.pipeline import run
from tests.faults.experiments import written
from tests.run.test_workers import assert_equal

NAME = "own network, trust"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "say either --slurm or --ray"),
        ({"slurm": True, "ray": "auto"}, "say either --slurm or --ray"),
        ({"slurm": True, "time": "soon"}, "expected a number and a unit, such as 90m"),
        ({"slurm": True, "time": "0h"}, "expected a number and a unit, such as 90m"),
        ({"slurm": True, "sbatch": ["account"]}, "expected KEY=VALUE, such as account=lab"),
    ],
)
def test_mistakes_are_told_before_anything_is_submitted(tmp_path, options, message) -> None:
    file = written(NAME, tmp_path)
    with pytest.raises(ExperimentError, match=message):
        submit(file, **options)


def test_a_cluster_that_is_not_there_is_told(tmp_path, monkeypatch) -> None:
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", str(tmp_path))  # without sbatch
    with pytest.raises(ExperimentError, match="Is this a machine from which sbatch works"):
        submit_to_slurm(Worker(tmp_path / "experiment.toml"), 2, tmp_path / LOGS, {})


@pytest.fixture
def one_run(tmp_path: Path) -> tuple[Path, Path]:
    """An experiment file, and the folder of one run of it."""
    file = written(NAME, tmp_path)
    run(load(file, {"output": str(tmp_path / "run")}))
    return file, tmp_path / "run"


@pytest.mark.slow
def test_what_slurm_takes_away_is_submitted_again() -> None:
    submitit = pytest.importorskip("submitit")
    worker = Worker(Path("experiment.toml"), {"output": "out"})
    again = worker.checkpoint()
    assert isinstance(again, submitit.helpers.DelayedSubmission)
    assert again.function == worker


@pytest.mark.slow
def test_ray_starts_workers(one_run, tmp_path, monkeypatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # else it writes a token for all clusters
    file, expected = one_run
    shared = tmp_path / "shared"
    worker = Worker(file, {"output": str(shared)})
    page = work_on_ray(worker, 2, "local", {"num_cpus": 1.0, "num_gpus": 0.0})
    assert page == shared / "report.html"
    assert_equal(expected, shared)


@pytest.mark.slow
def test_what_fails_on_ray_fails_as_it_does_here(one_run, tmp_path, monkeypatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    file, _ = one_run
    (tmp_path / "films.csv").unlink()
    worker = Worker(file, {"output": str(tmp_path / "other")})
    with pytest.raises(Exception, match=r"films\.csv") as raised:
        work_on_ray(worker, 1, "local", {"num_cpus": 1.0, "num_gpus": 0.0})
    assert type(raised.value).__module__ == "heatproof.errors"


def _slurm() -> bool:
    """Whether this machine may submit to Slurm."""
    if shutil.which("sinfo") is None:
        return False
    asked = subprocess.run(
        ["sinfo", "-h", "-o", "%D"], capture_output=True, timeout=20, check=False
    )
    return asked.returncode == 0 and bool(asked.stdout.strip())


@pytest.mark.slow
def test_slurm_starts_workers(one_run, tmp_path) -> None:
    pytest.importorskip("submitit")
    if not _slurm():
        pytest.skip("there is no Slurm here")
    file, expected = one_run
    shared = tmp_path / "shared"
    submit(file, shared, workers=2, slurm=True, cpus=1, time="10m")
    until = time.monotonic() + 240
    while len(list((shared / LOGS).glob("*_result.pkl"))) < 2 and time.monotonic() < until:
        time.sleep(1)
    assert_equal(expected, shared)
