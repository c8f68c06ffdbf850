"""Trials of a sweep on a Ray cluster: Ray runs them elsewhere, and decides nothing.

``ray start`` makes the cluster.  Its machines see the run folder and the films under the same
paths, and have heatproof installed.  As many trials are trained at a time as the sweep says; each
gets its share of the cores and of the GPUs.  A trial whose machine is lost goes on elsewhere after
its last round.
"""

import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from heatproof.errors import ExperimentError, HeatproofError
from heatproof.experiment.workspace import Workspace
from heatproof.progress import Silent
from heatproof.run.clusters import on_cluster
from heatproof.sweep.attempt import Attempt, TrialOutcome, attempt
from heatproof.sweep.search import Runner

_LOST = 3  # how often a trial is begun again on another machine


@contextmanager
def on_ray(work: Workspace, address: str, at_once: int) -> Iterator[Runner]:
    """Runs trials on a cluster for the length of a block.

    Args:
        work: The experiment.
        address: ``"auto"`` for the cluster of this machine, that of a cluster elsewhere, or
            ``"local"`` for one that lives as long as the block.
        at_once: Trials at a time.

    Raises:
        ExperimentError: Ray is not installed, there is no cluster, it is too small, or it does not
            see the run folder.
    """
    with on_cluster(address) as ray:
        # A worker may run in another folder, where a relative path would lead elsewhere.
        work = replace(work, folder=work.folder.absolute())
        # Restarts alone bring back the actor; retries run the trial that was lost with it.
        trainer = ray.remote(Trainer).options(
            **share_of_machine(ray.nodes(), at_once), max_restarts=_LOST, max_task_retries=_LOST
        )
        trainers = [trainer.remote(work) for _ in range(at_once)]
        _check_folder(ray, work.folder, trainers)

        def run(attempts: Sequence[Attempt]) -> Iterable[TrialOutcome]:
            # ActorPool.map keeps the order of the attempts, which a Runner promises.
            pool = ray.util.ActorPool(trainers)
            return _outcomes(
                ray, pool.map(lambda trainer, task: trainer.attempt.remote(task), attempts)
            )

        yield run


class Trainer:
    """Trains one trial after the other; films are prepared for the first alone.

    Args:
        work: The experiment.
    """

    def __init__(self, work: Workspace) -> None:
        self._work = work

    def attempt(self, task: Attempt) -> TrialOutcome:
        """Train one trial; see ``heatproof.sweep.attempt``."""
        return attempt(self._work, task, Silent())

    def sees(self, path: Path) -> str:
        """Empty, or the name of this machine where it does not see a file."""
        return "" if path.is_file() else os.uname().nodename


def share_of_machine(machines: Sequence[dict[str, Any]], at_once: int) -> dict[str, float]:
    """Cores and GPUs of each of so many trainings, all of which find room at the same time.

    Raises:
        ExperimentError: There are fewer cores than trainings.
    """
    alive = [machine["Resources"] for machine in machines if machine["Alive"]]
    # A trial on a machine without a GPU would keep all others waiting.
    used = [resources for resources in alive if resources.get("GPU")] or alive
    cores = [int(resources.get("CPU", 0)) for resources in used]
    gpus = [int(resources.get("GPU", 0)) for resources in used]
    most = at_once if any(gpus) else 1
    for beside in range(1, most + 1):  # trainings that share a GPU: as few as there may be
        for each in range(max(cores), 0, -1):
            room = [core // each for core in cores]
            if any(gpus):
                room = [min(core, gpu * beside) for core, gpu in zip(room, gpus, strict=True)]
            if sum(room) >= at_once:
                return {"num_cpus": float(each), "num_gpus": 1 / beside if any(gpus) else 0.0}
    where = "machines with GPUs have" if any(gpus) else "cluster has"
    raise ExperimentError(
        f"the {where} {sum(cores)} cores, which is too few for at_once = {at_once}"
    )


def _check_folder(ray: Any, folder: Path, trainers: Sequence[Any]) -> None:
    # The name is new, so that a machine sees the file only if it sees this very folder.
    seen = folder / f".seen-{uuid.uuid4().hex}"
    seen.touch()
    try:
        blind = list(filter(None, ray.get([trainer.sees.remote(seen) for trainer in trainers])))
    finally:
        seen.unlink()
    if blind:
        raise ExperimentError(
            f"{folder} is not seen from {blind[0]}; let -o name a folder that all machines share"
        )


def _outcomes(ray: Any, outcomes: Iterable[TrialOutcome]) -> Iterator[TrialOutcome]:
    """The outcomes as they come; a trial fails as it would if it were trained here."""
    try:
        yield from outcomes
    except ray.exceptions.RayTaskError as error:
        # Ray wraps what a trial raises; the cause is what the user can act on.
        if isinstance(error.cause, HeatproofError):
            raise error.cause from error
        raise
    except ray.exceptions.RayActorError as error:
        raise ExperimentError(
            f"a machine was lost with its trial, {_LOST} times over: {error}; the same command goes"
            " on with the sweep"
        ) from error
