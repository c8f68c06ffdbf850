"""Stage: scores of the tuning films by every candidate value that metrics leave open.

They are scored as judged films are, in the same units and by the same code, so that there is no
second implementation of a metric that could differ from the first.
"""

from collections.abc import Sequence
from dataclasses import replace

from heatproof.experiment.workspace import Workspace
from heatproof.localize.tuned import Candidate
from heatproof.progress import Progress
from heatproof.stages.blocks import Judged
from heatproof.stages.control_maps import control_maps
from heatproof.stages.scoring import maps_of, score
from heatproof.tables.predictions import Predictions
from heatproof.tables.scores import Scores


def try_candidates(
    work: Workspace, tuning: Sequence[Judged], candidates: Sequence[Candidate], progress: Progress
) -> tuple[Scores, Predictions]:
    """Scores of the tuning films by every candidate, under its name, and their predictions.

    Args:
        work: The experiment, opened.
        tuning: Every model with the tuning films, explained.
        candidates: Metrics with a value for what they leave open, under names of their own.
        progress: Hears of every unit.
    """
    # Only the metrics differ: the trial shares the tables, so scores of an earlier run are found.
    trial = replace(work, metrics={each.name: each.metric for each in candidates})
    to_score = [maps for judged in tuning for maps in maps_of(trial, judged)]
    # All models share the tuning films, so the controls are made once for all.
    to_score += control_maps(trial, tuning[0].films, tuning)
    progress.start("tune", len(to_score))
    scores = trial.scores.read(score(trial, to_score, progress))
    progress.finish()
    names = (block.predicted for judged in tuning for block in judged.blocks)
    return scores.used(), work.predictions.read(names).used()
