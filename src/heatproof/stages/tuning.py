"""Stage: films that nobody judges are scored with every value that metrics leave open.

They are scored as judged films are, in the same units and by the same code, so that there is no
second implementation of a metric that could differ from the first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from heatproof.experiment.workspace import Workspace
from heatproof.localize.tuned import Candidate
from heatproof.progress import Progress
from heatproof.stages.blocks import Judged
from heatproof.stages.control_maps import control_tasks
from heatproof.stages.framing import geometry_of
from heatproof.stages.scoring import Task, block_task, score
from heatproof.tables.predictions import Predictions
from heatproof.tables.scores import Scores


def try_candidates(
    work: Workspace, tuning: Sequence[Judged], candidates: Sequence[Candidate], progress: Progress
) -> tuple[Scores, Predictions]:
    """Scores of the tuning films by every candidate, under its name, and their predictions.

    Args:
        work: The experiment, opened.
        tuning: What was explained of the tuning films.
        candidates: What is tried.
        progress: Hears of every unit.
    """
    trying = replace(work, metrics={tried.name: tried.metric for tried in candidates})
    tasks = list(_tasks(trying, tuning))
    progress.start("tune", len(tasks))
    score(trying, tasks, progress)
    progress.finish()
    scores = trying.scores.read(task.name for task in tasks)
    names = (block.predicted for judged in tuning for block in judged.blocks)
    return scores.used(), work.predictions.read(names).used()


def _tasks(work: Workspace, tuning: Sequence[Judged]) -> Iterator[Task]:
    for judged in tuning:
        for method in judged.methods:
            for block in judged.blocks:
                yield block_task(work, block, method, geometry_of(judged))
    yield from control_tasks(work, tuning[0].judging.films, tuning)
