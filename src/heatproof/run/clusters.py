"""Workers on a cluster: whoever starts them decides nothing, and each does what ``run`` does.

Slurm starts them through submitit, as the tasks of one job array, and again after it took a machine
from them (preemption, a time limit); Ray as actors of a cluster that exists.  All machines see the
experiment, its films and the output folder under the same paths, and have heatproof installed.
"""

import importlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from heatproof.errors import ExperimentError
from heatproof.experiment.file import load
from heatproof.run.pipeline import run

LOGS = "slurm"  # the folder of what workers say, in the output folder
_LOST = 3  # how often a worker whose machine is lost is begun again


@dataclass(frozen=True)
class Worker:
    """What runs on another machine.

    Attributes:
        file: The experiment file.
        overrides: Values that take the place of those in the file, as in ``load``.
    """

    file: Path
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self) -> str:
        """Share in the run until everything is there; returns the path of the report."""
        return str(run(load(self.file, dict(self.overrides)), worker=True))

    def checkpoint(self) -> Any:
        """What submitit submits again where Slurm takes the machine: the same, which goes on."""
        return importlib.import_module("submitit").helpers.DelayedSubmission(self)


def submit_to_slurm(
    worker: Worker, count: int, folder: Path, options: Mapping[str, Any]
) -> list[str]:
    """Submit a job array of workers; returns the ids of its jobs.

    Args:
        worker: What each of them does.
        count: How many.
        folder: Where their logs go.
        options: What submitit and sbatch know, such as ``timeout_min``, ``gpus_per_node`` or
            ``slurm_partition``.

    Raises:
        ExperimentError: submitit or Slurm is not installed, or does not take the job.
    """
    try:
        submitit: Any = importlib.import_module("submitit")
    except ModuleNotFoundError as error:
        raise ExperimentError("--slurm: pip install 'heatproof[slurm]'") from error
    try:
        executor = submitit.AutoExecutor(folder=folder, cluster="slurm")
        executor.update_parameters(name="heatproof", **options)
        with executor.batch():
            jobs = [executor.submit(worker) for _ in range(count)]
        return [str(job.job_id) for job in jobs]
    except (
        RuntimeError,
        OSError,
        TypeError,
        NameError,
        submitit.core.utils.FailedJobError,
    ) as error:
        raise ExperimentError(
            f"--slurm: {error}\nIs this a machine from which sbatch works, and does the cluster"
            " have what is asked for?"
        ) from error


def work_on_ray(worker: Worker, count: int, address: str, resources: Mapping[str, float]) -> Path:
    """Let workers share in the run on a Ray cluster, and wait for them; returns the report.

    A worker whose machine is lost begins again on another.

    Args:
        worker: What each of them does.
        count: How many.
        address: ``"auto"`` for the cluster of this machine, that of a cluster elsewhere, or
            ``"local"`` for one that lives as long as the run.
        resources: What each takes, such as ``{"num_cpus": 4, "num_gpus": 1}``.

    Raises:
        ExperimentError: Ray is not installed, there is no cluster, or machines were lost.
        HeatproofError: What the run itself raises.
    """
    with on_cluster(address) as ray:
        share = ray.remote(Actor).options(**resources, max_restarts=_LOST, max_task_retries=_LOST)
        try:
            pages = ray.get([share.remote(worker).work.remote() for _ in range(count)])
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, Exception):
                raise error.cause from error  # what the user can act on
            raise
        except ray.exceptions.RayActorError as error:
            raise ExperimentError(
                f"a machine was lost with its worker, {_LOST} times over: {error}; the same"
                " command goes on with the run"
            ) from error
    return Path(pages[0])


@contextmanager
def on_cluster(address: str) -> Iterator[Any]:
    """Ray, connected to a cluster for the length of a block.

    Raises:
        ExperimentError: Ray is not installed, or there is no cluster.
    """
    try:
        # Ray is an optional dependency.
        ray: Any = importlib.import_module("ray")
    except ModuleNotFoundError as error:
        raise ExperimentError("--ray: pip install 'heatproof[ray]'") from error
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError) as error:
        raise ExperimentError(
            f"--ray {address}: {error}; start a cluster with ray start --head, or say --ray local."
            " Does the cluster ask for a token? Then set RAY_AUTH_MODE=token"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


class Actor:
    """A worker as Ray holds it.

    Args:
        worker: What it does.
    """

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def work(self) -> str:
        """Share in the run until everything is there."""
        return self._worker()
