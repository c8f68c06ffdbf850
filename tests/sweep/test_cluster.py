"""Trials on a Ray cluster are those of one machine."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from heatproof.errors import ExperimentError
from heatproof.experiment.file import load
from heatproof.sweep import cluster
from heatproof.sweep.sweep import sweep
from tests.sweep.test_sweep import written

TWO = ("trials = 4", "trials = 4\nat_once = 2")
COMMAND = "import torch; torch.set_num_threads(1); from heatproof.cli import main; main()"


def machine(cores: float, gpus: float = 0.0, alive: bool = True) -> dict:
    return {"Alive": alive, "Resources": {"CPU": cores, "GPU": gpus}}


@pytest.mark.parametrize(
    ("machines", "at_once", "cores", "gpus"),
    [
        ([machine(2)], 2, 1, 0),
        ([machine(16)], 3, 5, 0),
        ([machine(16), machine(4), machine(8, alive=False)], 2, 8, 0),
        ([machine(16), machine(4)], 5, 4, 0),
        ([machine(16, 2)], 2, 8, 1),
        ([machine(16, 2)], 3, 5, 0.5),
        ([machine(32, 4)], 8, 4, 0.5),
        ([machine(32, 4)], 1, 32, 1),
        ([machine(64), machine(8, 4)], 4, 2, 1),  # the one without GPUs trains nothing
        ([machine(8, 1), machine(1, 7)], 3, 1, 0.5),  # seven GPUs have but one core
    ],
)
def test_all_trainings_find_room(machines, at_once, cores, gpus):
    assert cluster.share_of_machine(machines, at_once) == {"num_cpus": cores, "num_gpus": gpus}
    have = [one["Resources"] for one in machines if one["Alive"]]
    room = [one["CPU"] // cores for one in have]
    if gpus:
        room = [min(n, one.get("GPU", 0) / gpus) for n, one in zip(room, have, strict=True)]
    assert sum(room) >= at_once


def test_a_cluster_that_is_too_small_is_refused():
    with pytest.raises(ExperimentError, match="has 2 cores, which is too few for at_once = 3"):
        cluster.share_of_machine([machine(2)], 3)


def test_without_ray_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ExperimentError, match=r"pip install .heatproof\[ray\]"):
        sweep(load(written(tmp_path, TWO)), ray="auto")


@pytest.fixture
def two_workers() -> Iterator[tuple[str, dict[str, str]]]:
    """Address of a cluster with room for two trainings, started as a user does."""
    pytest.importorskip("ray")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "RAY_USAGE_STATS_ENABLED": "0"}
    paths["RAY_AUTH_MODE"] = "disabled"  # whatever token the user of this machine has
    start = ["start", "--head", "--block", "--num-cpus", "2", "--port", port]
    start += ["--node-ip-address", "127.0.0.1", "--include-dashboard", "false"]
    command = [sys.executable, "-m", "ray.scripts.scripts", *start]
    head = subprocess.Popen(
        command, env=os.environ | paths, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    for line in head.stdout:
        if "Ray runtime started" in line:
            break
    yield f"127.0.0.1:{port}", os.environ | paths
    head.terminate()  # and with it all that it started, and no other cluster of this machine
    head.communicate(timeout=60)


@pytest.mark.slow
def test_a_sweep_on_two_workers_ends_as_on_one_machine(two_workers, tmp_path):
    address, environment = two_workers
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        written(tmp_path / name, TWO)
    sweep(load(tmp_path / "here/tiny.toml"))
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "sweep", "tiny.toml", "--ray", address],
        check=False, cwd=tmp_path / "there", capture_output=True, text=True, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    here, there = (
        pl.read_parquet(tmp_path / name / "out/sweep.parquet").drop("seconds")
        for name in ("here", "there")
    )
    assert here.drop("validation_auroc").equals(there.drop("validation_auroc"))
    assert here["validation_auroc"].to_list() == pytest.approx(there["validation_auroc"].to_list())
    assert {Path(path).parts[0] for path in there["model"].drop_nulls()} == {"models"}
