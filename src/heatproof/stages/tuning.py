"""Stage: films that nobody judges are scored with every value that metrics leave open.

They are scored as judged films are, in the same units and by the same code, so that there is no
second implementation of a metric that could differ from the first.
"""

from collections.abc import Sequence
from dataclasses import replace

from heatproof.experiment.workspace import Workspace
from heatproof.localize.tuned import Candidate
from heatproof.progress import Progress
from heatproof.stages.blocks import Judged
from heatproof.stages.control_maps import control_tasks
from heatproof.stages.scoring import maps_of, score
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
    tasks = [task for judged in tuning for task in maps_of(trying, judged)]
    tasks += control_tasks(trying, tuning[0].films, tuning)
    progress.start("tune", len(tasks))
    scores = trying.scores.read(score(trying, tasks, progress))
    progress.finish()
    names = (block.predicted for judged in tuning for block in judged.blocks)
    return scores.used(), work.predictions.read(names).used()
